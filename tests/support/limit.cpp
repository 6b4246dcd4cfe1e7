// limit SECONDS COMMAND...: runs a test, which must end in time and leave nothing behind.
//
// When the time is over, the stacks of the command and of every process it started are printed, and all of
// them are killed. When the command has ended, no process that it started may be left, however far removed,
// and no entry in /dev/shm. The exit status is the command's, 128 + N if signal N ended it, and otherwise:
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <optional>

#include "support/proc.hpp"

namespace {

constexpr int bad_usage = 2, timed_out = 124, left_something = 125;

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using cohort::test::ProcessEntry;

sigset_t signals_of_the_command;
int interrupted_by = 0;

/// The signals that are waited for, and so must be blocked: a child ended, or somebody wants us to end.
sigset_t awaited_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : {SIGCHLD, SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, signal);
  return set;
}

pid_t start(char const* const* command) {
  pid_t const pid = ::fork();
  if (pid != 0) return pid;
  ::prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);  // lets gdb attach where Yama would not
  ::sigprocmask(SIG_SETMASK, &signals_of_the_command, nullptr);
  ::execvp(command[0], const_cast<char* const*>(command));
  fmt::print(stderr, "limit: cannot run {}: {}\n", command[0], std::strerror(errno));
  ::_exit(127);
}

/// Reaps children until `pid` is among them; its status, or none at the deadline or a signal to end.
std::optional<int> wait_for(pid_t pid, Clock::time_point deadline) {
  auto const awaited = awaited_signals();
  for (;;) {
    int status = 0;
    for (pid_t ended; (ended = ::waitpid(-1, &status, WNOHANG)) > 0;) {
      if (ended == pid) return status;
    }
    auto const left = std::chrono::ceil<std::chrono::nanoseconds>(deadline - Clock::now()).count();
    if (left <= 0) return std::nullopt;
    timespec const timeout{left / 1'000'000'000, left % 1'000'000'000};
    int const signal = ::sigtimedwait(&awaited, nullptr, &timeout);
    if (signal > 0 && signal != SIGCHLD) {
      interrupted_by = signal;
      return std::nullopt;
    }
  }
}

/// The processes below this one, when those that have ended are reaped.
std::vector<ProcessEntry> remaining() {
  while (::waitpid(-1, nullptr, WNOHANG) > 0) continue;
  return cohort::test::descendants(::getpid());
}

void print_stacks(std::vector<ProcessEntry> const& tree) {
  auto const deadline = Clock::now() + 40s;
  for (auto const& process : tree) {
    auto const pid = std::to_string(process.pid);
    fmt::print(stderr, "\nlimit: process {}, child of {}, state {}, in {}: {}\n", pid, process.parent,
               process.state, cohort::test::read_text("/proc/" + pid + "/wchan"), process.command);
    if (process.state == 'Z' || Clock::now() > deadline) continue;
    char const* const gdb[] = {
        "gdb", "-nx", "-batch", "-p", pid.c_str(), "-ex", "thread apply all backtrace 60", nullptr};
    pid_t const debugger = start(gdb);
    if (wait_for(debugger, Clock::now() + 10s)) continue;
    fmt::print(stderr, "limit: gdb takes too long, giving up on this process\n");
    ::kill(debugger, SIGKILL);
    ::waitpid(debugger, nullptr, 0);
  }
}

/// Kills what runs below this process. A process may fork while we look, so look until there is none.
void kill_tree() {
  for (auto const deadline = Clock::now() + 5s; Clock::now() < deadline;) {
    auto const tree = remaining();
    if (tree.empty()) return;
    for (auto const& process : tree) ::kill(process.pid, SIGKILL);
    ::usleep(1'000);
  }
}

/// Whether the command left processes or shared memory behind, also after a second of grace; says so.
bool leaves_something(std::set<std::string> const& shared_memory_before) {
  auto left = remaining();
  auto shared_memory = cohort::test::new_shared_memory(shared_memory_before, ::getpid());
  for (auto const deadline = Clock::now() + 1s; Clock::now() < deadline;) {
    if (left.empty() && shared_memory.empty()) return false;
    ::usleep(5'000);
    left = remaining();
    shared_memory = cohort::test::new_shared_memory(shared_memory_before, ::getpid());
  }
  for (auto const& path : shared_memory) fmt::print(stderr, "limit: left behind: {}\n", path);
  if (!left.empty()) {
    fmt::print(stderr, "limit: {} process(es) left when the command ended\n", left.size());
    print_stacks(left);
    kill_tree();
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  double const seconds = argc > 2 ? std::strtod(argv[1], nullptr) : 0;
  if (!(seconds > 0)) {
    fmt::print(stderr, "usage: limit SECONDS COMMAND...\n");
    return bad_usage;
  }
  auto const shared_memory_before = cohort::test::shared_memory();
  ::unsetenv("DEBUGINFOD_URLS");       // gdb must not go looking for symbols in the network
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);  // so that orphans come to us and are seen
  auto const awaited = awaited_signals();
  ::sigprocmask(SIG_BLOCK, &awaited, &signals_of_the_command);

  auto const deadline =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  pid_t const command = start(argv + 2);
  auto const status = wait_for(command, deadline);
  if (!status) {
    if (!interrupted_by) {
      fmt::print(stderr, "limit: not done after {} s; where each process is:\n", seconds);
      print_stacks(cohort::test::descendants(::getpid()));
    }
    kill_tree();
    return interrupted_by ? 128 + interrupted_by : timed_out;
  }
  bool const left = leaves_something(shared_memory_before);
  if (WIFSIGNALED(*status)) {
    fmt::print(stderr, "limit: ended by signal {} ({})\n", WTERMSIG(*status), strsignal(WTERMSIG(*status)));
    return 128 + WTERMSIG(*status);
  }
  return left ? left_something : WEXITSTATUS(*status);
}
