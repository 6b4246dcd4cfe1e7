#include "basics.hpp"

#include <signal.h>
#include <unistd.h>
#include <cohort/multiprocessing.hpp>

#include <cstdlib>

namespace mp = cohort::multiprocessing;

namespace {

void exit_with(int code) { std::exit(code); }
void print() {
  // If this goes to a descriptor of cohort's, that is not well afterwards.
  fmt::print("to standard output\n");
  std::fflush(stdout);
}
void fail() { throw std::runtime_error("thrown on purpose"); }
void wait_for_ever() {
  for (;;) ::pause();
}
int square(int n) { return n * n; }

int failures = 0;

template <class T> void expect(char const* what, T const& value, T const& expected) {
  if (value == expected) return;
  fmt::print(stderr, "{}: {}, not {}\n", what, value, expected);
  ++failures;
}

int exitcode_of(auto... target) {
  mp::Process process(target...);
  process.start();
  process.join();
  return *process.exitcode();
}

/// The exit code after SIGTERM, which before Linux 6.15 the kernel forgets when SIGCHLD is ignored.
int terminate(mp::Process& process) {
  process.terminate();
  process.join();
  struct sigaction action;
  ::sigaction(SIGCHLD, nullptr, &action);
  bool const may_be_lost = action.sa_handler == SIG_IGN;
  return may_be_lost && process.exitcode() == 255 ? -SIGTERM : *process.exitcode();
}

}  // namespace

int run_basics(std::string const& method) {
  mp::set_start_method(method);
  mp::Process daemon({.daemon = true}, wait_for_ever);
  daemon.start();
  expect("print", exitcode_of(print), 0);
  expect("exit", exitcode_of(exit_with, 7), 7);
  expect("throw", exitcode_of(fail), 1);
  auto [here, there] = mp::Pipe();
  mp::Process echo([](mp::Connection to) { to.send(to.recv<std::string>() + "!"); }, there);
  echo.start();
  here.send("hello");
  expect("echo", here.recv<std::string>(), std::string("hello!"));
  echo.join();
  mp::Pool pool(2);
  expect("map", fmt::format("{}", fmt::join(pool.map(square, {1, 2, 3}), " ")), std::string("1 4 9"));
  expect("terminate", terminate(daemon), -SIGTERM);
  return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
