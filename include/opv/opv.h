/* SPDX-License-Identifier: MIT */
#ifndef _OPV_OPV_H
#define _OPV_OPV_H

/*
 * cpu-opv: per-CPU data for programs.  Everything, in the order to read it:
 */
#include <opv/domain.h>	/* per-CPU memory and its gate */
#include <opv/call.h>	/* one operation on it */
#include <opv/vector.h>	/* several at once */
#include <opv/prepared.h>	/* the same, checked once and run often */
#include <opv/engine.h>	/* how it is done here, how often, why not faster */

#include <opv/counter.h>	/* what is made of them: counters, histograms */
#include <opv/percpu.h>	/* static per-CPU variables */
#include <opv/ref.h>	/* reference counts */
#include <opv/lock.h>	/* a lock for each CPU */
#include <opv/rwlock.h>	/* many readers, few writers */
#include <opv/freelist.h>	/* a list of nodes for each CPU */
#include <opv/pool.h>	/* a cache of objects for each CPU */
#include <opv/ring.h>	/* records, to be read by somebody else */

#endif /* _OPV_OPV_H */
