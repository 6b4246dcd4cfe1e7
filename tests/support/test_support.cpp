// The fixture of all other tests: the leak check and the time limit find what they are there to find.
#include "support/catch.hpp"
#include "support/output.hpp"
#include "support/run_leaky.hpp"

using namespace cohort::test;

TEST_CASE("a test case that leaves something behind fails and says what") {
  struct Case {
    char const *name, *expected;
  };
  auto const [name, expected] =
      GENERATE(values<Case>({{"leaves a child", "  child "},
                             {"leaves a zombie", " (Z): "},
                             {"leaves a thread", "  thread "},
                             {"leaves a thread in one section", "  thread "},
                             {"leaves a descriptor", ": /dev/zero"},
                             {"closes a descriptor of others", "closed: descriptor 0"}}));
  auto const outcome = run_leaky(name);
  CAPTURE(name, outcome.output);
  CHECK(outcome.status != 0);
  CHECK(outcome.output.find("left behind:") != std::string::npos);
  CHECK(outcome.output.find(expected) != std::string::npos);
  CHECK(outcome.output.find("1 failed") != std::string::npos);
}

TEST_CASE("a thread that is about to end is not a leak") {
  auto const outcome = run_leaky("leaves nothing");
  CAPTURE(outcome.output);
  CHECK(outcome.status == 0);
}

TEST_CASE("limit prints the stacks of all processes when the time is over") {
  auto const outcome = run_leaky("hangs", "0.3");
  CAPTURE(outcome.output);
  CHECK(outcome.status == 124);
  auto const first = outcome.output.find("limit: process ");
  REQUIRE(first != std::string::npos);
  auto const second = outcome.output.find("limit: process ", first + 1);
  REQUIRE(second != std::string::npos);
  CHECK(outcome.output.find("leaky.cpp", first) < second);
  CHECK(outcome.output.find("leaky.cpp", second) != std::string::npos);
}

TEST_CASE("limit finds processes that left the tree") {
  auto const outcome = run_leaky("leaves a grandchild");
  CAPTURE(outcome.output);
  CHECK(outcome.status == 125);
  CHECK(outcome.output.find("limit: 1 process(es) left") != std::string::npos);
}

TEST_CASE("limit passes the exit status on") {
  CHECK(run(LIMIT " 20 sh -c 'exit 7'").status == 7);
  CHECK(run(LIMIT " 20 true").status == 0);
  auto const killed = run_leaky("is killed");
  CHECK(killed.status == 128 + SIGKILL);
  CHECK(killed.output.find("limit: ended by signal 9 (Killed)") != std::string::npos);
  CHECK(run(LIMIT " 20 /no/such/command").status == 127);
  CHECK(run(LIMIT " x true").status == 2);
}

TEST_CASE("standard error of this process and of its children is captured and given back") {
  CapturedStderr outer;
  {
    CapturedStderr captured;
    std::fputs("one\n", stderr);
    CHECK(captured.text() == "one\n");
    CHECK(std::system("echo two >&2") == 0);
    CHECK(captured.text() == "one\ntwo\n");
  }
  std::fputs("three\n", stderr);
  CHECK(outer.text() == "three\n");
}
