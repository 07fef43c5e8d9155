# SPDX-License-Identifier: MIT
# Installation: headers, both libraries, a CMake package (wend::wend static, wend::wend_shared) and a
# pkg-config file; where google-benchmark is, the harness too: <wend/bench.h>, wend::bench, wend-bench-check.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set_target_properties(wend PROPERTIES EXPORT_NAME wend)
set_target_properties(wend_shared PROPERTIES EXPORT_NAME wend_shared)

install(TARGETS wend wend_shared EXPORT wendTargets
	ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
	LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/wend DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
	FILES_MATCHING PATTERN "*.h")
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/wend)
if(TARGET wend_bench_shim)
	set_target_properties(wend_bench_shim PROPERTIES EXPORT_NAME bench OUTPUT_NAME wend_bench)
	install(TARGETS wend_bench_shim EXPORT wendBenchTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
	install(EXPORT wendBenchTargets NAMESPACE wend:: DESTINATION ${package_dir})
	install(FILES ${PROJECT_SOURCE_DIR}/bench/bench.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/wend)
	# The gate with what it imports, and a command that looks at the folder it is called in.
	set(tools_dir ${CMAKE_INSTALL_DATADIR}/wend)
	install(PROGRAMS ${PROJECT_SOURCE_DIR}/scripts/bench-check DESTINATION ${tools_dir}/scripts)
	install(DIRECTORY ${PROJECT_SOURCE_DIR}/scripts/benchlib DESTINATION ${tools_dir}/scripts
		FILES_MATCHING PATTERN "*.py")
	file(RELATIVE_PATH WEND_TOOLS /${CMAKE_INSTALL_BINDIR} /${tools_dir})
	configure_file(${CMAKE_CURRENT_LIST_DIR}/wend-bench-check.in ${PROJECT_BINARY_DIR}/wend-bench-check @ONLY)
	install(PROGRAMS ${PROJECT_BINARY_DIR}/wend-bench-check DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
install(EXPORT wendTargets NAMESPACE wend:: DESTINATION ${package_dir})
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/wendConfig.cmake.in
	${PROJECT_BINARY_DIR}/wendConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/wendConfigVersion.cmake
	COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/wendConfig.cmake ${PROJECT_BINARY_DIR}/wendConfigVersion.cmake
	DESTINATION ${package_dir})

list(JOIN WEND_USER_FLAGS " " WEND_PC_CFLAGS)
# The way from the .pc file to the prefix, so that an installed tree can be moved.
file(RELATIVE_PATH WEND_PC_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" WEND_PC_PREFIX "${WEND_PC_PREFIX}")
configure_file(${CMAKE_CURRENT_LIST_DIR}/wend.pc.in ${PROJECT_BINARY_DIR}/wend.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/wend.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
