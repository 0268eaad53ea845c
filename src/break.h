/* SPDX-License-Identifier: MIT */
#ifndef _OPV_BREAK_H
#define _OPV_BREAK_H

/*
 * The tests build the library with one thing left out, -DOPV_BREAK=OPV_BREAK_FENCE
 * and so on, and show that a test goes red.  tests/broken/.
 */
#define OPV_BREAK_FENCE	1	/* close the key, wait for nobody */
#define OPV_BREAK_KEY	2	/* do not close the key */
#define OPV_BREAK_LOOP	3	/* do not look whether a section opened it again */
#define OPV_BREAK_LOCK	4	/* two threads may work as one CPU */
#define OPV_BREAK_GATE	5	/* follow a list, or drain a magazine, with the gate open */
#define OPV_BREAK_TAG	6	/* do not count the changes of a pool's stacks */
#define OPV_BREAK_OPERATION 7	/* take from a magazine whatever it did since it was read */
#define OPV_BREAK_REF	8	/* add up the parts of a reference count with the gates open */
#define OPV_BREAK_MARK	9	/* read a record of a ring that is not committed */
#define OPV_BREAK_STILL	10	/* do not look whether it was overwritten meanwhile */
#define OPV_BREAK_GIVE_UP 11	/* overwrite a record that is not committed */
#define OPV_BREAK_READERS 12	/* write without having fenced readers */
#define OPV_BREAK_SUM	13	/* add up the locks of readers before their unlocks */
#define OPV_BREAK_KERNEL_LOCK 14	/* ask the kernel without having the lock */
#define OPV_BREAK_GUARD	15	/* have the kernel work whatever the key says */
#define OPV_BREAK_SET	16	/* leave out CPUs that were not used, and do not look again */
#define OPV_BREAK_CID	17	/* fence one CPU where slots go by mm_cid */
#define OPV_BREAK_NODES	18	/* know of no CPU which node it is of */

#ifndef OPV_BREAK
# define OPV_BREAK 0
#endif

#define OPV_BROKEN(what) (OPV_BREAK == OPV_BREAK_##what)

#endif /* _OPV_BREAK_H */
