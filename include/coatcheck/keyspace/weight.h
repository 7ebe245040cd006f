/* weight: the memory that finding keys takes, over what keys and values take themselves. */
#ifndef COATCHECK_KEYSPACE_WEIGHT_H
#define COATCHECK_KEYSPACE_WEIGHT_H

#include <stddef.h>
#include "coatcheck/keyspace/keyspace.h"

/* Shards and tables of all databases, in bytes, and what is remembered of evicted keys. Enters each shard for a moment. */
size_t keyspace_weight(struct keyspace *keyspace);

/* The tables of one database. */
size_t keyspace_table_weight(struct keyspace *keyspace, unsigned db);

/* Containers and tables that were detached and are not freed yet: by flushes, and by deletions of
 * large values. */
size_t keyspace_pending(struct keyspace *keyspace);

#endif
