#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cohort/multiprocessing.hpp>

#include <csignal>
#include <cstdlib>

#include "start/start.hpp"
#include "support/catch.hpp"
#include "support/eventually.hpp"
#include "support/output.hpp"
#include "support/proc.hpp"
#include "support/start_methods.hpp"

/// The traps of starting processes on Linux, one by one.

namespace mp = cohort::multiprocessing;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

void do_nothing() {}
void exit_with(int code) { std::exit(code); }
void wait_for_ever() {
  for (;;) ::pause();
}

int exitcode_of(auto function, auto... arguments) {
  mp::Process process(function, arguments...);
  process.start();
  process.join();
  return *process.exitcode();
}

/// The fork server of this process: the child that is not in active_children().
pid_t fork_server() {
  auto const known = mp::active_children();
  for (auto const& child : cohort::test::descendants(::getpid()))
    if (child.parent == ::getpid() && child.state != 'Z' &&
        std::none_of(known.begin(), known.end(), [&](auto const& one) { return one.pid() == child.pid; }))
      return child.pid;
  return 0;
}

/// Sets an environment variable for the life of the object.
class Variable {
 public:
  Variable(char const* name, char const* value) : name_(name) { ::setenv(name, value, 1); }
  ~Variable() { ::unsetenv(name_); }

 private:
  char const* name_;
};

class DescriptorLimit {
 public:
  explicit DescriptorLimit(int limit) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit const few{static_cast<rlim_t>(limit), before_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &few);
  }
  ~DescriptorLimit() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_;
};

}  // namespace

TEST_CASE("exit codes survive an ignored SIGCHLD") {
  FOR_EACH_START_METHOD();
  auto const handling = GENERATE(0, 1, 2);  // ignored, not waited for, waited for by somebody else
  CAPTURE(handling);
  struct sigaction action {
  }, before;
  action.sa_handler = handling == 0   ? SIG_IGN
                      : handling == 1 ? SIG_DFL
                                      : [](int) {
                                          while (::waitpid(-1, nullptr, WNOHANG) > 0) {}
                                        };
  action.sa_flags = handling == 1 ? SA_NOCLDWAIT : SA_RESTART;
  ::sigaction(SIGCHLD, &action, &before);
  CHECK(exitcode_of(do_nothing) == 0);
  CHECK(exitcode_of(exit_with, 42) == 42);
  mp::Process killed(wait_for_ever);
  killed.start();
  killed.kill();
  killed.join();
  // Only the kernel knows the signal, and before Linux 6.15 it forgets it with the process.
  CHECK((killed.exitcode() == -SIGKILL || killed.exitcode() == 255));
  cohort::start::stop_fork_server();
  ::sigaction(SIGCHLD, &before, nullptr);
}

TEST_CASE("no descriptor of the program leaks into children that were exec'd") {
  auto const start_method = GENERATE(as<std::string>{}, "spawn", "forkserver");
  CAPTURE(start_method);
  mp::set_start_method(start_method, true);
  int const leaky = ::open("/dev/zero", O_RDONLY);  // without O_CLOEXEC
  auto [here, there] = mp::Pipe(false);
  mp::Process process(
      [](mp::Connection to) {
        std::vector<std::string> files;
        for (auto const& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
          std::error_code error;
          files.push_back(std::filesystem::read_symlink(entry.path(), error).string());
        }
        to.send(files);
      },
      there);
  process.start();
  auto const files = here.recv<std::vector<std::string>>();
  process.join();
  ::close(leaky);
  CHECK(std::find(files.begin(), files.end(), "/dev/zero") == files.end());
  // Standard streams, lifeline, arena, the connection, and the directory that is being read.
  CHECK(files.size() <= 8);
}

TEST_CASE("children that were exec'd begin with a clean signal mask and default dispositions") {
  auto const start_method = GENERATE(as<std::string>{}, "spawn", "forkserver");
  CAPTURE(start_method);
  mp::set_start_method(start_method, true);
  sigset_t set, before;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGUSR1);
  ::sigprocmask(SIG_BLOCK, &set, &before);
  auto const old_hup = std::signal(SIGHUP, SIG_IGN);
  auto const old_usr2 = std::signal(SIGUSR2, [](int) {});
  CHECK(exitcode_of([] {
          sigset_t mask;
          ::sigprocmask(SIG_SETMASK, nullptr, &mask);
          for (int number = 1; number < 32; ++number) {
            struct sigaction action;
            if (number == SIGKILL || number == SIGSTOP) continue;
            ::sigaction(number, nullptr, &action);
            if (action.sa_handler != SIG_DFL || ::sigismember(&mask, number) != 0) std::exit(number);
          }
        }) == 0);
  std::signal(SIGHUP, old_hup);
  std::signal(SIGUSR2, old_usr2);
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
}

TEST_CASE("without descriptors a start fails cleanly and the next one works") {
  FOR_EACH_START_METHOD();
  CHECK(exitcode_of(do_nothing) == 0);  // what lasts is open now
  int const next = ::dup(0);
  ::close(next);
  int failed = 0;
  for (int room = 0; room < 8; ++room) {
    mp::Process process(do_nothing);
    DescriptorLimit const few(next + room);
    try {
      process.start();
      process.join();
    } catch (std::system_error const& error) {
      ++failed;
      CHECK((error.code() == std::errc::too_many_files_open));
    }
  }
  CHECK(failed > 0);
  CHECK(exitcode_of(exit_with, 3) == 3);
}

TEST_CASE("the fork server is started again after it was killed, and its children live on") {
  mp::set_start_method("forkserver", true);
  mp::Process first(wait_for_ever);
  first.start();
  for (int i = 0; i < 5; ++i) {
    auto const server = fork_server();
    CHECK(server != 0);
    ::kill(server, SIGKILL);
    CHECK(exitcode_of(exit_with, i) == i);
  }
  CHECK(first.is_alive());
  first.terminate();
  first.join();
  CHECK(first.exitcode() == -SIGTERM);
}

TEST_CASE("a fork server killed at any moment loses no start and doubles none") {
  mp::set_start_method("forkserver", true);
  auto [here, there] = mp::Pipe(false);
  std::atomic<bool> over{false};
  std::thread killer([&] {
    unsigned wait = 1;
    while (!over) {
      std::this_thread::sleep_for(std::chrono::microseconds(wait = wait * 7919 % 4001));
      // Perhaps a child that is just being started: then it is as dead as any that was killed.
      if (auto const server = fork_server(); server != 0) ::kill(server, SIGKILL);
    }
  });
  int started = 0, arrived = 0;
  for (int i = 0; i < 60; ++i) {
    mp::Process process([](mp::Connection to, int number) { to.send(number); }, there, i);
    try {
      process.start();
      ++started;
      process.join();
      while (here.poll()) {
        CHECK(here.recv<int>() == i);
        ++arrived;
      }
    } catch (cohort::RuntimeError const&) {
      // The server was killed again and again while it started this one: said, and nothing was started.
    } catch (std::system_error const&) {}
  }
  over = true;
  killer.join();
  CHECK(started > 0);
  CHECK(arrived <= started);
  CHECK_FALSE(here.poll(50ms));
}

TEST_CASE("where CLONE_PARENT is missing the server relays") {
  Variable const relay("COHORT_FORKSERVER_RELAY", "1");
  cohort::start::stop_fork_server();
  mp::set_start_method("forkserver", true);
  auto [here, there] = mp::Pipe(false);
  mp::Process process([](mp::Connection to) { to.send(static_cast<int>(::getppid())); }, there);
  process.start();
  auto const parent = here.recv<int>();
  process.join();
  CHECK(process.exitcode() == 0);
  CHECK(parent != ::getpid());

  CHECK(exitcode_of(exit_with, 9) == 9);
  mp::Process killed(wait_for_ever);
  killed.start();
  CHECK(killed.is_alive());
  killed.terminate();
  killed.join();
  CHECK(killed.exitcode() == -SIGTERM);
  cohort::start::stop_fork_server();
}

TEST_CASE("a fork server's child owns the robust mutexes it locks, by its own thread id") {
  mp::set_start_method("forkserver", true);
  int const file = ::memfd_create("mutex", MFD_CLOEXEC);
  REQUIRE(::ftruncate(file, 4096) == 0);
  auto* const mutex =
      static_cast<pthread_mutex_t*>(::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0));
  pthread_mutexattr_t attributes;
  ::pthread_mutexattr_init(&attributes);
  ::pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  ::pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  ::pthread_mutex_init(mutex, &attributes);
  auto [here, there] = mp::Pipe(false);
  mp::Process process(
      [](mp::reduction::DupFd shared, mp::Connection to) {
        auto* const locked = static_cast<pthread_mutex_t*>(
            ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, shared.detach(), 0));
        ::pthread_mutex_lock(locked);
        to.send(locked->__data.__lock & 0x3fffffff);
        wait_for_ever();
      },
      mp::reduction::DupFd(file), there);
  process.start();
  CHECK(here.recv<int>() == process.pid());
  process.kill();
  process.join();
  timespec soon;
  ::clock_gettime(CLOCK_REALTIME, &soon);
  soon.tv_sec += 5;
  CHECK(::pthread_mutex_timedlock(mutex, &soon) == EOWNERDEAD);
  ::munmap(mutex, 4096);
  ::close(file);
}

TEST_CASE("the fork server runs the preload once, before its children") {
  mp::set_start_method("forkserver", true);
  cohort::start::stop_fork_server();
  mp::set_forkserver_preload([] { ::setenv("PRELOADED", "yes", 1); });
  CHECK(exitcode_of([] { std::exit(std::getenv("PRELOADED") != nullptr ? 5 : 6); }) == 5);
  cohort::start::stop_fork_server();
  mp::set_forkserver_preload([] { throw std::runtime_error("no table"); });
  cohort::test::CapturedStderr captured;
  CHECK(exitcode_of(exit_with, 4) == 4);
  CHECK_THAT(captured.text(), Contains("forkserver preload") && Contains("no table"));
  cohort::start::stop_fork_server();
  mp::set_forkserver_preload({});
}

TEST_CASE("a process that forks by itself is not its children's parent") {
  FOR_EACH_START_METHOD();
  mp::Process process(wait_for_ever);
  process.start();
  auto const pid = ::fork();
  if (pid == 0) {
    try {
      process.join();
      ::_exit(1);
    } catch (cohort::AssertionError const&) {}
    ::_exit(mp::active_children().empty() ? 0 : 2);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(process.is_alive());
  process.kill();
  process.join();
}
