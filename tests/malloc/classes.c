// SPDX-License-Identifier: MIT
/* Size classes: every size has one, that is large enough and not too large. */
#include "../../malloc/class.h"
#include "tap.h"

static bool least_class_that_has_room(void)
{
	size_t size;

	for (size = 0; size <= LARGE_MAX; size++) {
		unsigned int c = class_for(size);

		if (c >= NR_CLASSES || class_bytes(c) < size || (c && class_bytes(c - 1) >= size)) {
			diag("%zu: class %u", size, c);
			return false;
		}
	}
	return true;
}

/* Every size that a block of glibc can have. */
static bool largest_class_that_fits(void)
{
	size_t bytes;

	for (bytes = 24; bytes < 1 << 20; bytes += 16) {
		unsigned int c = bytes <= SMALL_MAX ? class_of_small((bytes + 8) | 1) :
						      class_of_large(bytes);

		if (c < NR_CLASSES ? class_bytes(c) > bytes || class_bytes(c + 1) <= bytes :
				     bytes < LARGE_MAX) {
			diag("a block of %zu: class %u", bytes, c);
			return false;
		}
	}
	return true;
}

static bool waste_is_an_eighth(void)
{
	size_t size;

	for (size = SMALL_MAX + 1; size <= LARGE_MAX; size++)
		if (class_bytes(class_for(size)) - size > size / 8)
			return false;
	return true;
}

int main(void)
{
	is(class_bytes(NR_CLASSES - 1), LARGE_MAX, "the last class is the largest size");
	is(class_bytes(SMALL_CLASSES - 1), SMALL_MAX, "the last small one, too");
	ok(least_class_that_has_room(), "a size gets the least class that has room for it");
	ok(largest_class_that_fits(), "a block serves the largest class that it has room for");
	ok(waste_is_an_eighth(), "a large class is at most an eighth larger than what was asked for");
	return done();
}
