/* SPDX-License-Identifier: MIT
 *
 * bench/topology.c - hwloc's tree as text: each object's type, and in brackets what is in it, such as
 *
 *     Machine(Package(L3:33554432(Core(L2:1048576(PU)),Core(L2:1048576(PU)))))
 *
 * A size in bytes stands behind a cache. Which numbers the system gives to CPUs is left out, so that
 * two machines of one kind have the same text; it is part of what tells unlike machines apart. */
#include "bench/topology.h"

#include "bench/bench.h"

#include <hwloc.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void write_object(FILE *to, hwloc_obj_t obj)
{
	char type[32];

	hwloc_obj_type_snprintf(type, sizeof type, obj, 0);
	fputs(type, to);
	if (hwloc_obj_type_is_cache(obj->type) && obj->attr->cache.size)
		fprintf(to, ":%" PRIu64, obj->attr->cache.size);
	if (obj->arity == 0)
		return;
	fputc('(', to);
	for (unsigned i = 0; i < obj->arity; i++) {
		if (i)
			fputc(',', to);
		write_object(to, obj->children[i]);
	}
	fputc(')', to);
}

void topology_fact(void)
{
	hwloc_topology_t t;
	char *text = NULL;
	size_t size;
	FILE *to;

	if (hwloc_topology_init(&t))
		return;
	to = open_memstream(&text, &size);
	if (to && hwloc_topology_load(t) == 0) {
		write_object(to, hwloc_get_root_obj(t));
		fclose(to);
		bench_fact("topology", text);
	} else if (to) {
		fclose(to);
	}
	free(text);
	hwloc_topology_destroy(t);
}
