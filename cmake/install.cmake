# SPDX-License-Identifier: MIT
# Installation: headers, both libraries, a CMake package (wend::wend static, wend::wend_shared) and a
# pkg-config file.
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
