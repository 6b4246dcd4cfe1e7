// Compiled into programs that link to cohort::autoboot, whose linker calls __wrap_main where the C runtime
// asks for main, and main where __real_main is asked for (-Wl,--wrap=main). Static constructors have run by
// then.

namespace cohort::multiprocessing {
void freeze_support();
}

extern "C" int __real_main(int, char**, char**);

extern "C" int __wrap_main(int argc, char** argv, char** environment) {
  cohort::multiprocessing::freeze_support();
  return __real_main(argc, argv, environment);
}
