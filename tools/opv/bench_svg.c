// SPDX-License-Identifier: MIT
/*
 * The figures as a drawing: a bar from the left edge to the median on a
 * logarithmic scale, on it a whisker from least to most and the quartiles.
 */
#include "bench.h"

#include <math.h>
#include <string.h>

#define WIDTH	1000
#define LEFT	205		/* where bars begin */
#define RIGHT	800		/* where the scale ends; figures stand behind it */
#define TOP	96
#define BAR	11		/* height of a bar */
#define PITCH	13		/* from bar to bar of one case */
#define GAP	6		/* between cases */
#define HEAD	34		/* a group's title */

/* Of the rows from first to behind the last, which have the same unit. */
struct scale {
	const char *unit;
	int first, behind;
	int from, to;		/* powers of ten */
};

static const char *const colours[] = {
	"#3b6ea5", "#e08a3c", "#5a9e6f", "#a3527e", "#7a7a7a", "#c9b037",
};

#define MEMORY_COLOUR "#9a8f7a"	/* the name tells the threads */
#define NR_COLOURS ((int)(sizeof(colours) / sizeof(colours[0])))

static const char *colour_of(int threads)
{
	int i = 0;

	while (threads > 1 << i)
		i++;
	return colours[i % NR_COLOURS];
}

static double x_of(const struct scale *s, double v)
{
	double at = (log10(v > 0 ? v : 1e-9) - s->from) / (s->to - s->from);

	return LEFT + (at < 0 ? 0 : at > 1 ? 1 : at) * (RIGHT - LEFT);
}

static const char *unit_of(const struct bench *b, int i)
{
	return bench_group_unit(b->rows[i].c->group);
}

static struct scale find_scale(const struct bench *b, int first)
{
	double least = b->rows[first].figure.min, most = b->rows[first].figure.q3;
	int i;

	for (i = first; i < b->nr_rows && !strcmp(unit_of(b, i), unit_of(b, first)); i++) {
		if (b->rows[i].figure.min > 0)
			least = fmin(least, b->rows[i].figure.min);
		most = fmax(most, b->rows[i].figure.q3);
	}
	return (struct scale){ unit_of(b, first), first, i, (int)floor(log10(least)),
			       (int)ceil(log10(most)) };
}

/* Text from outside: a CPU's name, a compiler's. */
static void put_text(FILE *f, const char *s)
{
	for (; *s; s++) {
		if (*s == '<')
			fputs("&lt;", f);
		else if (*s == '>')
			fputs("&gt;", f);
		else if (*s == '&')
			fputs("&amp;", f);
		else if ((unsigned char)*s >= 0x20 && (unsigned char)*s < 0x7f)
			fputc(*s, f);
		else
			fputc('?', f);
	}
}

static bool begins_group(const struct bench *b, int i)
{
	return !i || b->rows[i].c->group != b->rows[i - 1].c->group;
}

static bool begins_unit(const struct bench *b, int i)
{
	return i && strcmp(unit_of(b, i), unit_of(b, i - 1));
}

static bool begins_case(const struct bench *b, int i)
{
	return !i || b->rows[i].c != b->rows[i - 1].c;
}

/* Where row i begins, from where the one before it began. */
static int next_y(const struct bench *b, int i, int y)
{
	if (i)
		y += PITCH;
	if (begins_case(b, i))
		y += GAP;
	if (begins_group(b, i))
		y += HEAD;
	if (begins_unit(b, i))
		y += TOP - HEAD;
	return y;
}

/* Below the rows up to that one. */
static int bottom(const struct bench *b, int behind)
{
	int y = TOP, i;

	for (i = 0; i < behind; i++)
		y = next_y(b, i, y);
	return y + PITCH + GAP;
}

static void put_title(FILE *f, const struct bench *b)
{
	fprintf(f, "<text x=\"20\" y=\"32\" class=\"title\">What things cost, logarithmic</text>\n"
		"<text x=\"20\" y=\"52\" class=\"note\">cpu-opv %s; ", opv_version());
	put_text(f, b->cpu_model);
	fprintf(f, ", %d CPUs; ", b->nr_cpus);
	put_text(f, b->kernel);
	fprintf(f, "; %s; medians of %d rounds</text>\n", b->date, b->rounds);
}

static void put_legend(FILE *f, const struct bench *b)
{
	int i, x = 20, threads;

	for (i = 0; i == 0 || 1 << (i - 1) < b->threads; i++) {
		threads = 1 << i < b->threads ? 1 << i : b->threads;
		fprintf(f, "<rect x=\"%d\" y=\"64\" width=\"11\" height=\"11\" fill=\"%s\"/>"
			"<text x=\"%d\" y=\"74\" class=\"note\">%d thread%s</text>\n", x,
			colour_of(threads), x + 16, threads, threads == 1 ? "" : "s");
		x += 95;
	}
	fprintf(f, "<text x=\"%d\" y=\"74\" class=\"note\">whisker: least, quartiles, most; "
		"at the right: the median, and times plain increment or libc's</text>\n", x);
}

static void put_tick(FILE *f, const struct scale *s, int power, double x, int y)
{
	static const char *const units[][4] = {
		{ "ns", "\302\265s", "ms", "s" }, { "kB", "MB", "GB", "TB" },
	};
	bool time = !strcmp(s->unit, units[0][0]);
	int unit = power < 3 ? 0 : power / 3 > 3 ? 3 : power / 3;

	fprintf(f, "<text x=\"%.1f\" y=\"%d\" class=\"tick\">%g %s</text>", x, y,
		pow(10, power - 3 * unit), units[!time][unit]);
}

static void put_scale(FILE *f, const struct scale *s, int top, int end)
{
	int p;

	for (p = s->from; p <= s->to; p++) {
		double x = x_of(s, pow(10, p));

		fprintf(f, "<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\" class=\"grid\"/>", x, top + 8, x,
			end);
		put_tick(f, s, p, x, top + 2);
		put_tick(f, s, p, x, end + 16);
		fputc('\n', f);
	}
}

/* What the plain increment costs, for the eye. */
static void put_plain(FILE *f, const struct bench *b, const struct scale *s, int end)
{
	const struct bench_row *row = bench_find(b, BENCH_PLAIN, 1);
	double x = x_of(s, row->figure.median);

	fprintf(f, "<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\" class=\"plain\"/>\n", x, TOP + 8,
		x, end);
}

static void put_whisker(FILE *f, const struct scale *s, const struct bench_quartiles *q, double mid)
{
	double least = x_of(s, q->min), most = x_of(s, q->max);

	fprintf(f, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"range\"/>", least, mid,
		most, mid);
	fprintf(f, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"quartiles\"/>\n",
		x_of(s, q->q1), mid, fmax(x_of(s, q->q3), x_of(s, q->q1) + 1), mid);
}

static int figures(double v)
{
	return v < 10 ? 2 : v < 100 ? 1 : 0;
}

static void put_row(FILE *f, const struct bench_row *row, const struct scale *s, int y, bool named)
{
	double end = x_of(s, row->figure.median), v = row->figure.median, ratio = row->ratio.median;

	if (named)
		fprintf(f, "<text x=\"%d\" y=\"%d\" class=\"name\">%s<title>%s</title></text>\n", LEFT - 8,
			y + 10, row->c->name, row->c->what);
	fprintf(f, "<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>", LEFT, y,
		fmax(end - LEFT, 1), BAR,
		row->c->group == BENCH_MEMORY ? MEMORY_COLOUR : colour_of(row->threads));
	put_whisker(f, s, &row->figure, y + BAR / 2.0);
	fprintf(f, "<text x=\"%d\" y=\"%d\" class=\"figure\">%.*f</text>"
		"<text x=\"%d\" y=\"%d\" class=\"figure\">%.*f x</text>\n", RIGHT + 85, y + 10,
		figures(v), v, RIGHT + 165, y + 10, figures(ratio), ratio);
}

static void put_style(FILE *f)
{
	fputs("<style>\n"
	      "text { font-family: 'DejaVu Sans', Verdana, Helvetica, sans-serif; fill: #222 }\n"
	      ".title { font-size: 18px; font-weight: bold }\n"
	      ".note { font-size: 11px; fill: #555 }\n"
	      ".group { font-size: 13px; font-weight: bold }\n"
	      ".name { font-size: 11px; text-anchor: end }\n"
	      ".figure { font-size: 11px; text-anchor: end }\n"
	      ".tick { font-size: 10px; text-anchor: middle; fill: #777 }\n"
	      ".grid { stroke: #e4e4e0; stroke-width: 1 }\n"
	      ".plain { stroke: #b03030; stroke-width: 1; stroke-dasharray: 3 3 }\n"
	      ".range { stroke: #222; stroke-width: 1; stroke-opacity: 0.55 }\n"
	      ".quartiles { stroke: #222; stroke-width: 4; stroke-opacity: 0.6 }\n"
	      "</style>\n", f);
}

/* Rows of one unit, with their scale; y is where the last one before them began. */
static int put_rows(FILE *f, const struct bench *b, const struct scale *s, int y)
{
	int i, top = s->first ? next_y(b, s->first, y) - HEAD - GAP : TOP;

	put_scale(f, s, top, bottom(b, s->behind));
	for (i = s->first; i < s->behind; i++) {
		y = next_y(b, i, y);
		if (begins_group(b, i))
			fprintf(f, "<text x=\"20\" y=\"%d\" class=\"group\">%s</text>\n", y - 8,
				bench_group_title(b->rows[i].c->group));
		put_row(f, &b->rows[i], s, y, begins_case(b, i));
	}
	return y;
}

void bench_svg(const struct bench *b, FILE *f)
{
	int end = bottom(b, b->nr_rows), y = TOP;
	struct scale s;

	fprintf(f, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
		"viewBox=\"0 0 %d %d\">\n", WIDTH, end + 30, WIDTH, end + 30);
	put_style(f);
	fprintf(f, "<rect width=\"%d\" height=\"%d\" fill=\"#fdfdfb\"/>\n", WIDTH, end + 30);
	put_title(f, b);
	put_legend(f, b);
	for (s.behind = 0; s.behind < b->nr_rows;) {
		s = find_scale(b, s.behind);
		y = put_rows(f, b, &s, y);
		if (!s.first)
			put_plain(f, b, &s, bottom(b, s.behind));
	}
	fputs("</svg>\n", f);
}
