# SPDX-License-Identifier: GPL-2.0
# Part of make-patch.sh: docs/kernel.md, from its second heading on, in the markup of the
# kernel's documentation, behind what cpu_opv.rst says.  What stands between the comments
# "module" and "end" is true of a module only.

# Paragraphs that are code are those that are indented by four.
document()
{
	cat "$src/kernel/patch/cpu_opv.rst" || return 1
	sed '
		/^<!-- module -->$/,/^<!-- end -->$/d
		s,core/port/kernel\.h,port.h,g
		s,core/\([a-z]*\.h\),\1,g
		s,the module refuses to load (ENODEV),the call answers EOPNOTSUPP,
		s,include/opv/uapi/,include/uapi/linux/,g
		s,`\([^`]*\)`,``\1``,g' "$src/docs/kernel.md" | cat -s | awk '
		/^## / {
			printf "%s%s\n", started ? "\n" : "", substr($0, 4)
			gsub(/./, "=")
			print substr($0, 4)
			started = 1
			next
		}
		!started { next }
		/^\|[-|]*$/ { next }
		/^\|/ {
			if (!table)
				print "\n.. list-table::\n"
			table = 1
			n = split($0, cell, / *\| */)
			if (cell[2] cell[3] == "memory")
				next
			print "   * -" (cell[2] == "" ? "" : " " cell[2]) "\n     - " cell[3]
			was = $0
			next
		}
		{ table = 0 }
		/^    / && !code && was == "" { print "\n::"; code = 1 }
		/^[^ ]/ { code = 0 }
		{ was = $0 }
		/^$/ { gap = "\n"; next }
		{ printf "%s%s\n", gap, $0; gap = "" }'
}
