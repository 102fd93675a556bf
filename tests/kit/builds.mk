# Tries to use things that a build does not need, and prints whether each attempt succeeded. The test replaces words in
# capitals.
try = @if ($(2)) >/dev/null 2>&1; then echo '$(1): done'; else echo '$(1): held'; fi

all:
	$(call try,reads a file in another submission,cat OTHER/work)
	$(call try,lists the files in another submission,ls OTHER)
	$(call try,writes to a file in another submission,echo work > OTHER/work)
	$(call try,reads the finished programs,ls SOLUTIONS)
	$(call try,lists the home folder,ls HOME)
	$(call try,connects,python3 connects.py PORT)
	$(call try,listens,python3 listens.py)
	$(call try,signals the grader,kill -0 GRADER)
	@if (exec 3<>/dev/tty) 2>/dev/null; then echo 'it has a terminal'; fi
	@cc --version >/dev/null && echo built > result && cat result
	@setsid sleep MARK </dev/null >/dev/null 2>&1 & echo started
