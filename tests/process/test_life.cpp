// labels: timing
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>
#include <sstream>

#include "os/descriptor.hpp"
#include "os/launch.hpp"
#include "support/catch.hpp"
#include "support/eventually.hpp"
#include "support/proc.hpp"

/// What becomes of the children when the program ends, in each way that a program can end. (failure-model,
/// rows 8, 15)

using namespace std::chrono_literals;
using cohort::test::eventually;

namespace {

using Seen = std::multimap<std::string, pid_t>;

/// A run of the program `life`, whose standard output arrives through a pipe.
class Life {
 public:
  Life(std::string const& method, std::string const& deed) {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    output_ = cohort::os::Descriptor(ends[0]);
    cohort::os::Descriptor const their_end(ends[1]);
    std::vector<std::string> environment;
    for (char** variable = environ; *variable != nullptr; ++variable) environment.emplace_back(*variable);
    pid = cohort::os::launch({LIFE, {"life", method, deed}, environment, {{their_end.get(), 1}}}).pid;
  }

  /// Reads until `count` lines have come, or the last process with the pipe has ended.
  void read_lines(std::size_t count) {
    char c;
    while (lines < count && ::read(output_.get(), &c, 1) == 1) {
      text += c;
      lines += c == '\n';
    }
  }
  Seen seen() const {
    Seen result;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) {
      auto const blank = line.rfind(' ');
      result.emplace(line.substr(0, blank), std::stoi(line.substr(blank + 1)));
    }
    return result;
  }
  int wait() {
    int status = 0;
    REQUIRE(::waitpid(pid, &status, 0) == pid);
    return status;
  }

  pid_t pid;
  std::string text;
  std::size_t lines = 0;

 private:
  cohort::os::Descriptor output_;
};

bool runs(pid_t pid) {
  auto const stat = cohort::test::read_text(fmt::format("/proc/{}/stat", pid));
  auto const close = stat.rfind(')');
  return close != std::string::npos && stat[close + 2] != 'Z' && stat[close + 2] != 'X';
}

constexpr auto daemons = {"compute", "block", "ignore_signals", "stop"};

void check_daemons_gone(Seen const& seen, std::chrono::milliseconds limit) {
  for (auto const* name : daemons) {
    CAPTURE(name);
    REQUIRE(seen.count(name) == 1);
    CHECK(eventually([&] { return !runs(seen.find(name)->second); }, limit));
  }
}

}  // namespace

TEST_CASE("at normal exit daemons are terminated and the others joined") {
  auto const method = GENERATE(as<std::string>{}, "fork", "spawn", "forkserver");
  auto const deed = GENERATE(as<std::string>{}, "return", "exit");
  CAPTURE(method, deed);
  Life life(method, deed);
  int const status = life.wait();
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == (deed == "exit" ? 3 : 0));
  life.read_lines(100);
  CHECK(life.seen().count("finished") == 1);
  check_daemons_gone(life.seen(), 1s);
}

TEST_CASE("when an exception leaves main daemons die and the others go on") {
  auto const method = GENERATE(as<std::string>{}, "fork", "spawn", "forkserver");
  CAPTURE(method);
  Life life(method, "throw");
  CHECK(WTERMSIG(life.wait()) == SIGABRT);
  life.read_lines(100);
  CHECK(life.seen().count("parent gone") == 1);
  check_daemons_gone(life.seen(), 500ms);
}

TEST_CASE("when the program is killed no daemon outlives it by half a second, whatever it is doing") {
  auto const method = GENERATE(as<std::string>{}, "fork", "spawn", "forkserver");
  CAPTURE(method);
  Life life(method, "wait");
  life.read_lines(5);  // four daemons and the one that goes on
  auto const seen = life.seen();
  REQUIRE(seen.count("outlive") == 1);
  ::kill(life.pid, SIGKILL);
  life.wait();
  check_daemons_gone(seen, 500ms);
  life.read_lines(100);
  CHECK(life.seen().count("parent gone") == 1);
  CHECK(eventually([&] { return !runs(seen.find("outlive")->second); }));
}

TEST_CASE("when a program with a pool is killed no worker outlives it by half a second") {
  auto const method = GENERATE(as<std::string>{}, "fork", "spawn", "forkserver");
  CAPTURE(method);
  Life life(method, "pool");
  life.read_lines(3);
  auto const seen = life.seen();
  REQUIRE(seen.count("busy") == 3);
  ::kill(life.pid, SIGKILL);
  life.wait();
  auto const busy = seen.equal_range("busy");
  for (auto it = busy.first; it != busy.second; ++it)
    CHECK(eventually([&] { return !runs(it->second); }, 500ms));
}

TEST_CASE("exit with a busy pool ends at once") {
  auto const method = GENERATE(as<std::string>{}, "fork", "spawn", "forkserver");
  CAPTURE(method);
  auto const begin = std::chrono::steady_clock::now();
  Life life(method, "pool-exit");
  CHECK(life.wait() == 0);
  CHECK(std::chrono::steady_clock::now() - begin < 2s);
  life.read_lines(100);
  for (auto const& child : life.seen()) CHECK(eventually([&] { return !runs(child.second); }, 500ms));
}

TEST_CASE("daemons of a child that is killed die with it") {
  auto const method = GENERATE(as<std::string>{}, "fork", "spawn", "forkserver");
  CAPTURE(method);
  Life life(method, "nested");
  life.read_lines(5);
  REQUIRE(life.seen().count("killed the middle") == 1);
  check_daemons_gone(life.seen(), 500ms);
  CHECK(life.wait() == 0);
}
