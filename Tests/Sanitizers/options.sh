# Options of the sanitizers, for every program that a test starts. To be read by sh, at the root of the repository.
ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1
LSAN_OPTIONS=suppressions=$PWD/Tests/Sanitizers/leaks.txt:print_suppressions=0
TSAN_OPTIONS=suppressions=$PWD/Tests/Sanitizers/races.txt:halt_on_error=0:second_deadlock_stack=1
export ASAN_OPTIONS LSAN_OPTIONS TSAN_OPTIONS
