#include <fcntl.h>
#include <link.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <cohort/multiprocessing.hpp>

#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "support/catch.hpp"
#include "support/run.hpp"
#include "support/start_methods.hpp"

/// Programs that were built or started in an odd way: statically, without `freeze_support()`, through the
/// loader, with closed standard streams and so on. Most of them run `run_basics`.

namespace mp = cohort::multiprocessing;
using Catch::Matchers::Contains;
using Catch::Matchers::Equals;
using cohort::test::run;

namespace {

std::string any_start_method() { return GENERATE(as<std::string>{}, "fork", "spawn", "forkserver"); }

/// Runs a command in which `run_basics` finds nothing wrong.
void check_basics(std::string const& command) {
  CAPTURE(command);
  auto const outcome = run(command);
  CAPTURE(outcome.output);
  CHECK(outcome.status == 0);
}

/// Copies of programs, in a directory of their own.
class Copies {
 public:
  Copies() {
    char name[] = "/tmp/cohort-programs-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    directory_ = name;
  }
  ~Copies() { std::filesystem::remove_all(directory_); }
  std::string add(std::string const& program) {
    std::filesystem::copy_file(PROGRAMS + program, directory_ / program);
    return directory_ / program;
  }

 private:
  std::filesystem::path directory_;
};

/// The loader that runs this program.
std::string loader() {
  std::string result;
  ::dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* result) {
        if (info->dlpi_addr != ::getauxval(AT_BASE)) return 0;
        *static_cast<std::string*>(result) = info->dlpi_name;
        return 1;
      },
      &result);
  return result;
}

std::string from_child(void (*function)(mp::Connection)) {
  auto [here, there] = mp::Pipe(false);
  mp::Process process(function, there);
  process.start();
  auto const text = here.recv<std::string>();
  process.join();
  CHECK(process.exitcode() == 0);
  return text;
}

}  // namespace

TEST_CASE("a program without freeze_support is told at once which line to add") {
  auto const method = GENERATE(as<std::string>{}, "spawn", "forkserver");
  auto const outcome = run(PROGRAMS "forgetful " + method);
  CHECK(outcome.status == 3);
  CHECK_THAT(outcome.output,
             Contains("cohort: the " + method + " start method") &&
                 Contains("    int main() {\n      cohort::multiprocessing::freeze_support();\n") &&
                 Contains("cohort::autoboot"));
}

TEST_CASE("a program without freeze_support can fork, and does so by default") {
  check_basics(PROGRAMS "forgetful fork");
  CHECK_THAT(run(PROGRAMS "forgetful default").output, Equals("fork\n"));
}

TEST_CASE("autoboot makes freeze_support unnecessary") {
  check_basics(PROGRAMS "forgetful_autoboot " + any_start_method());
  CHECK_THAT(run(PROGRAMS "forgetful_autoboot default").output, Equals("forkserver\n"));
}

TEST_CASE("autoboot works with the main of a test framework") {
  check_basics(PROGRAMS "catch_autoboot");
#ifdef WITH_GTEST
  check_basics(PROGRAMS "gtest_autoboot");
#endif
}

TEST_CASE("a program whose file was deleted or replaced starts children of its own code") {
  auto const method = any_start_method();
  Copies copies;
  auto const program = copies.add("basics");
  SECTION("deleted") { check_basics(program + " " + method + " delete"); }
  SECTION("replaced") {
    check_basics(program + " " + method + " replace " + copies.add("forgetful"));
    CHECK(run(program + " spawn").status == 3);  // now it is the other program
  }
}

TEST_CASE("a program started through the loader") {
  REQUIRE_THAT(loader(), Contains("ld"));
  check_basics(loader() + " " PROGRAMS "basics " + any_start_method());
}

TEST_CASE("a program at a fixed address") { check_basics(PROGRAMS "basics_no_pie " + any_start_method()); }

#ifdef WITH_STATIC
TEST_CASE("a static program") {
  auto const program = GENERATE(as<std::string>{}, "basics_static", "basics_static_pie");
  auto const method = any_start_method();
  check_basics(PROGRAMS + program + " " + method);
  // Where the exception was thrown is known there too.
  CHECK_THAT(run(PROGRAMS + program + " " + method).output,
             Contains("thrown on purpose") && Contains("fail()"));
}
#endif

#ifdef VALGRIND
TEST_CASE("a program under valgrind") {
  auto const method = any_start_method();
  auto const outcome =
      run(VALGRIND " -q --trace-children=yes --error-exitcode=99 " PROGRAMS "basics " + method);
  CAPTURE(method, outcome.output);
  CHECK(outcome.status == 0);
  CHECK_THAT(outcome.output, !Contains("==\n"));  // nothing to report
}
#endif

TEST_CASE("functions of shared libraries and plugins are process targets") {
  auto const outcome =
      run(PROGRAMS "with_libraries " + any_start_method() + " " PROGRAMS "libplugin_of_functions.so");
  CAPTURE(outcome.output);
  CHECK(outcome.output == "5 6 4\n");
}

TEST_CASE("a program that was started with SIGCHLD ignored") {
  check_basics("trap '' CHLD; exec " PROGRAMS "basics " + any_start_method());
}

TEST_CASE("a program that was started without standard streams") {
  auto const closed = GENERATE(as<std::string>{}, "<&-", ">&-", "2>&-", "<&- >&- 2>&-");
  auto const method = any_start_method();
  CAPTURE(closed);
  check_basics("exec " PROGRAMS "basics " + method + " " + closed);
}

TEST_CASE("a program that closes its standard streams") {
  check_basics(PROGRAMS "basics " + any_start_method() + " close");
}

TEST_CASE("a child reads nothing from standard input") {
  FOR_EACH_START_METHOD();
  CHECK(from_child([](mp::Connection to) {
          to.send(std::filesystem::read_symlink("/proc/self/fd/0").string());
        }) == "/dev/null");
}

TEST_CASE("a child has the program's name") {
  FOR_EACH_START_METHOD();
  CHECK(from_child([](mp::Connection to) {
          char name[17] = "";
          ::prctl(PR_GET_NAME, name);
          to.send(std::string(name));
        }) == "test_programs");
}

TEST_CASE("programs that a child starts are not taken for children") {
  FOR_EACH_START_METHOD();
  CHECK(from_child([](mp::Connection to) {
          bool const inherited = std::getenv("COHORT_BOOT") != nullptr;
          auto const outcome = run(PROGRAMS "basics spawn");
          to.send(fmt::format("{} {}", inherited, outcome.status));
        }) == "false 0");
}

TEST_CASE("a boot variable that was inherited by mistake means nothing") {
  check_basics("COHORT_BOOT=1234 " PROGRAMS "basics spawn");
  check_basics("COHORT_BOOT= " PROGRAMS "basics spawn 3</dev/null");
}
