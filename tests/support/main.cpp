#if !__has_include(<catch2/catch_all.hpp>)
#define CATCH_CONFIG_RUNNER
#define CATCH_CONFIG_NO_POSIX_SIGNALS  // forked children must die of their signals quietly
#endif
#include "support/catch.hpp"

#if __has_include(<cohort/multiprocessing/context.hpp>)
#include <cohort/multiprocessing/context.hpp>
#endif

int main(int argc, char** argv) {
#if __has_include(<cohort/multiprocessing/context.hpp>)
  cohort::multiprocessing::freeze_support();
#endif
  return Catch::Session().run(argc, argv);
}
