// SPDX-License-Identifier: MIT
/* opv_add() and its kin, which take the width and the sign from the type. */
#define _GNU_SOURCE
#include "ops.h"

static struct opv_domain *d;
static int cpu, road;

/* x: the type; lo and hi are far apart in its own order, and in no other type's. */
#define TEST_TYPE(type, lo, hi)							\
	do {									\
		type *h, old = 0;						\
		bool good = !opv_new(d, &h);					\
										\
		if (!good)							\
			break;							\
		*opv_ptr(h, cpu) = 0;						\
		good &= !opv_add(h, 5, cpu) && *opv_ptr(h, cpu) == (type)5;	\
		good &= !opv_add(h, -7, OPV_THIS_CPU) && *opv_ptr(h, cpu) == (type)-2;	\
		good &= !opv_and(h, 0x5a, cpu) && *opv_ptr(h, cpu) == (type)0x5a;	\
		good &= !opv_or(h, 0x24, cpu) && *opv_ptr(h, cpu) == (type)0x7e;	\
		good &= !opv_xor(h, 0x0f, cpu) && *opv_ptr(h, cpu) == (type)0x71;	\
		good &= !opv_fetch_add(h, 2, &old, cpu) && old == (type)0x71;	\
		good &= !opv_xchg(h, lo, &old, cpu) && old == (type)0x73;	\
		good &= opv_cmpxchg(h, hi, 1, &old, cpu) == 1 && old == (type)(lo);	\
		good &= !opv_cmpxchg(h, lo, hi, &old, cpu) && old == (type)(lo);	\
		good &= !opv_min(h, lo, cpu) && *opv_ptr(h, cpu) == (type)(lo);	\
		good &= !opv_min(h, hi, cpu) && *opv_ptr(h, cpu) == (type)(lo);	\
		good &= !opv_max(h, hi, cpu) && *opv_ptr(h, cpu) == (type)(hi);	\
		good &= !opv_max(h, lo, cpu) && *opv_ptr(h, cpu) == (type)(hi);	\
		ok(good, "%s: %s: all macros take its width and order", road_name(road), #type);	\
		opv_free(d, h);							\
	} while (0)

enum negative_enum { ENUM_LOW = -3, ENUM_HIGH = 0x7e };

/* Constants that do not fit into a sign-extended immediate of 32 bits, and those that just do. */
static void test_constants(void)
{
	uint64_t *h, old;
	bool good = true;

	opv_new(d, &h);
	*opv_ptr(h, cpu) = 0;
	good &= !opv_add64(h, 0x7fffffff, cpu) && *opv_ptr(h, cpu) == 0x7fffffff;
	good &= !opv_add64(h, 0x80000000, cpu) && *opv_ptr(h, cpu) == 0xffffffff;
	good &= !opv_add64(h, UINT64_C(0xffffffff80000000), cpu) && *opv_ptr(h, cpu) == 0x7fffffff;
	good &= !opv_xchg64(h, UINT64_C(0x8000000000000001), &old, cpu) && old == 0x7fffffff;
	good &= !opv_cmpxchg64(h, UINT64_C(0x8000000000000001), UINT64_C(0xfedcba9876543210), &old, cpu);
	good &= !opv_cmpeq_store((intptr_t *)h, (intptr_t)UINT64_C(0xfedcba9876543210), INTPTR_MIN, cpu);
	good &= !opv_smin64(h, 0, cpu) && *opv_ptr(h, cpu) == (uint64_t)INT64_MIN;
	good &= !opv_min64(h, 9, cpu) && *opv_ptr(h, cpu) == 9;
	ok(good, "%s: constants of any size are operands", road_name(road));
	opv_free(d, h);
}

static void test_narrow_constants(void)
{
	uint16_t *h16, old16;
	uint8_t *h8, old8;
	bool good = true;

	opv_new(d, &h8);
	opv_new(d, &h16);
	good &= !opv_xchg8(h8, 0xff, &old8, cpu) && !opv_xchg16(h16, 0xffff, &old16, cpu);
	good &= !opv_cmpxchg8(h8, 0xff, 0x80, &old8, cpu) && old8 == 0xff;
	good &= !opv_cmpxchg16(h16, 0xffff, 0x8000, &old16, cpu) && old16 == 0xffff;
	good &= !opv_smax8(h8, 0x7f, cpu) && *opv_ptr(h8, cpu) == 0x7f;
	good &= !opv_smax16(h16, 0x7fff, cpu) && *opv_ptr(h16, cpu) == 0x7fff;
	good &= !opv_max8(h8, 0x80, cpu) && *opv_ptr(h8, cpu) == 0x80;
	good &= !opv_max16(h16, 0x8000, cpu) && *opv_ptr(h16, cpu) == 0x8000;
	ok(good, "%s: constants of 8 and 16 bits keep to their width", road_name(road));
	opv_free(d, h8);
	opv_free(d, h16);
}

/* Arguments of the macros are evaluated once. */
static void test_side_effects(void)
{
	uint32_t *h, n = 1;
	int calls = 0;

	opv_new(d, &h);
	*opv_ptr(h, cpu) = 0;
	opv_add(h, n++, (calls++, cpu));
	opv_max(h, n++, (calls++, cpu));
	ok(n == 3 && calls == 2 && *opv_ptr(h, cpu) == 2, "%s: arguments are evaluated once",
	   road_name(road));
	opv_free(d, h);
}

static void test_members(void)
{
	struct pair { uint8_t a, b, c, d; uint16_t e; uint64_t f; } *h;

	opv_new(d, &h);
	memset(opv_ptr(h, cpu), 0xff, sizeof(*h));
	opv_add(&h->b, 2, cpu);
	opv_add(&h->e, 3, cpu);
	opv_add(&h->f, 4, cpu);
	ok(opv_ptr(h, cpu)->a == 0xff && opv_ptr(h, cpu)->b == 1 && opv_ptr(h, cpu)->c == 0xff &&
	   opv_ptr(h, cpu)->d == 0xff && opv_ptr(h, cpu)->e == 2 && opv_ptr(h, cpu)->f == 3,
	   "%s: members of a struct, carries stay in them", road_name(road));
	opv_free(d, h);
}

int main(void)
{
	cpu = allowed_cpu(0);
	pin_to(cpu);
	opv_domain_create(&d, NULL);
	for (road = ROAD_USUAL; road < OPV_NR_ENGINES; road++) {
		if (!take_road(road))
			continue;
		TEST_TYPE(char, 1, 0x7f);
		TEST_TYPE(signed char, -0x80, 0x7f);
		TEST_TYPE(unsigned char, 1, 0xff);
		TEST_TYPE(short, -0x8000, 0x7fff);
		TEST_TYPE(unsigned short, 1, 0xffff);
		TEST_TYPE(int, -1, 0x7fffffff);
		TEST_TYPE(unsigned int, 1, 0xffffffff);
		TEST_TYPE(long, -1, 0x7fffffffffffffff);
		TEST_TYPE(unsigned long, 1, 0xffffffffffffffff);
		TEST_TYPE(long long, INT64_MIN, INT64_MAX);
		TEST_TYPE(unsigned long long, 0x7fffffffffffffff, 0x8000000000000000);
		TEST_TYPE(size_t, 1, SIZE_MAX);
		TEST_TYPE(intptr_t, INTPTR_MIN, INTPTR_MAX);
		TEST_TYPE(enum negative_enum, ENUM_LOW, ENUM_HIGH);
		test_constants();
		test_narrow_constants();
		test_side_effects();
		test_members();
		leave_road(road);
	}
	return done();
}
