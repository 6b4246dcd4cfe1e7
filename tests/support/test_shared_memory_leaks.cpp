// Entries in /dev/shm do not say who made them, so other tests would be blamed for these.
// labels: serial
#include <sys/mman.h>

#include "support/catch.hpp"
#include "support/run_leaky.hpp"

using namespace cohort::test;

TEST_CASE("a test case that leaves shared memory behind fails and says what") {
  auto const outcome = run_leaky("leaves shared memory");
  ::shm_unlink("/cohort-test-left");
  CAPTURE(outcome.output);
  CHECK(outcome.status != 0);
  CHECK(outcome.output.find("\n    /dev/shm/cohort-test-left") != std::string::npos);
  CHECK(outcome.output.find("1 failed") != std::string::npos);
  CHECK(outcome.output.find("limit: left behind: /dev/shm/cohort-test-left\n") != std::string::npos);
}

TEST_CASE("limit finds shared memory") {
  auto const outcome = run(LIMIT " 20 touch /dev/shm/cohort-test-touched");
  ::shm_unlink("/cohort-test-touched");
  CHECK(outcome.status == 125);
  CHECK(outcome.output == "limit: left behind: /dev/shm/cohort-test-touched\n");
}
