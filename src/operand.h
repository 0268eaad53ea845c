/* SPDX-License-Identifier: MIT */
#ifndef _OPV_OPERAND_H
#define _OPV_OPERAND_H

#include <stdbool.h>

#include "core.h"
#include "domain.h"

/* May a vector of this domain have this operand, and is it there? */
bool opv_operand_is_there(struct opv_domain *d, const struct opv_operand *o);

#endif /* _OPV_OPERAND_H */
