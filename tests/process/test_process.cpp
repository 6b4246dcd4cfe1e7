#include <sys/mman.h>
#include <unistd.h>
#include <cohort/multiprocessing.hpp>

#include <csignal>
#include <cstdlib>

#include "support/catch.hpp"
#include "support/eventually.hpp"
#include "support/output.hpp"
#include "support/start_methods.hpp"

namespace mp = cohort::multiprocessing;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

void send_sum(mp::Connection to, int a, double b, std::string text, std::vector<int> numbers) {
  for (int const number : numbers) a += number;
  to.send(fmt::format("{} {} {}", a, b, text));
}

void send_name(mp::Connection to) {
  to.send(fmt::format("{} {} {}", mp::current_process().name(), mp::parent_process()->name(),
                      mp::parent_process()->pid() == ::getppid()));
}

void send_names_of_family(mp::Connection to) {
  mp::Process child(send_name, to);
  child.start();
  child.join();
  mp::Process second(send_name, to);
  second.start();
  second.join();
}

void exit_with(int code) { std::exit(code); }
void wait_for_ever() {
  for (;;) ::pause();
}
void throw_a_range_error(int limit) { throw std::out_of_range(fmt::format("more than {}", limit)); }

std::string receive_from(auto function, auto... arguments) {
  auto [here, there] = mp::Pipe(false);
  mp::Process process(function, there, arguments...);
  process.start();
  there.close();
  auto const text = here.recv<std::string>();
  process.join();
  CHECK(process.exitcode() == 0);
  return text;
}

}  // namespace

TEST_CASE("a process runs a function with its arguments") {
  FOR_EACH_START_METHOD();
  CHECK(receive_from(send_sum, 1, 2.5, "text", std::vector{10, 20}) == "31 2.5 text");
}

TEST_CASE("a process runs lambdas, partials and function objects") {
  FOR_EACH_START_METHOD();
  CHECK(receive_from([](mp::Connection to, int n) { to.send(fmt::format("lambda {}", n)); }, 7) ==
        "lambda 7");
  auto [here, there] = mp::Pipe(false);
  mp::Process process(cohort::partial([](std::string word, mp::Connection to) { to.send(word); }, "bound"),
                      there);
  process.start();
  CHECK(here.recv<std::string>() == "bound");
  process.join();
}

TEST_CASE("arguments larger than a socket's buffer arrive") {
  FOR_EACH_START_METHOD();
  std::vector<int> const many(1'000'000, 3);
  CHECK(receive_from(send_sum, 0, 0.5, "", many) == "3000000 0.5 ");
}

TEST_CASE("names count the children of each process") {
  FOR_EACH_START_METHOD();
  mp::Process named({.name = "worker"}, wait_for_ever);
  CHECK(named.name() == "worker");
  mp::Process first(wait_for_ever), second(wait_for_ever);
  auto const number = std::stoi(first.name().substr(first.name().find('-') + 1));
  CHECK(first.name() == fmt::format("Process-{}", number));
  CHECK(second.name() == fmt::format("Process-{}", number + 1));

  auto [here, there] = mp::Pipe(false);
  mp::Process family(send_names_of_family, there);
  family.start();
  CHECK(here.recv<std::string>() == fmt::format("{}:1 {} true", family.name(), family.name()));
  CHECK(here.recv<std::string>() == fmt::format("{}:2 {} true", family.name(), family.name()));
  family.join();
  CHECK(family.exitcode() == 0);
}

TEST_CASE("the exit code tells how a process ended") {
  FOR_EACH_START_METHOD();
  mp::Process exits(exit_with, 7), waits(wait_for_ever), interrupted(wait_for_ever), killed(wait_for_ever);
  for (auto* process : {&exits, &waits, &interrupted, &killed}) {
    CHECK_FALSE(process->is_alive());
    CHECK_FALSE(process->pid());
    CHECK_FALSE(process->exitcode());
    process->start();
  }
  CHECK(waits.is_alive());
  CHECK(waits.pid() == waits.ident());
  CHECK_FALSE(waits.exitcode());
  waits.join(20ms);
  CHECK_FALSE(waits.exitcode());
  waits.terminate();
  interrupted.interrupt();
  killed.kill();
  for (auto* process : {&exits, &waits, &interrupted, &killed}) process->join();
  CHECK(exits.exitcode() == 7);
  CHECK(waits.exitcode() == -SIGTERM);
  CHECK(interrupted.exitcode() == -SIGINT);
  CHECK(killed.exitcode() == -SIGKILL);
  killed.kill();  // too late, and no error
  killed.join();
}

TEST_CASE("an uncaught exception is printed with process, type, message and the place of the throw") {
  FOR_EACH_START_METHOD();
  cohort::test::CapturedStderr captured;
  mp::Process process({.name = "Unlucky"}, throw_a_range_error, 5);
  process.start();
  process.join();
  CHECK(process.exitcode() == 1);
  auto const text = captured.text();
  CHECK_THAT(text, Contains(fmt::format("Process Unlucky (pid {})", *process.pid())));
  CHECK_THAT(text, Contains("std::out_of_range: more than 5"));
  CHECK_THAT(text, Contains("throw_a_range_error"));
}

TEST_CASE("the representation is Python's") {
  FOR_EACH_START_METHOD();
  mp::Process process({.name = "p", .daemon = true}, wait_for_ever);
  auto const me = ::getpid();
  CHECK(fmt::format("{}", process) == fmt::format("<Process name='p' parent={} initial daemon>", me));
  process.start();
  auto const pid = *process.pid();
  CHECK(fmt::format("{}", process) ==
        fmt::format("<Process name='p' pid={} parent={} started daemon>", pid, me));
  process.terminate();
  process.join();
  CHECK(fmt::format("{}", process) ==
        fmt::format("<Process name='p' pid={} parent={} stopped exitcode=-SIGTERM daemon>", pid, me));
  process.close();
  CHECK_THAT(fmt::format("{}", process), Contains("closed"));
}

TEST_CASE("calls that come too early, twice or too late are refused") {
  FOR_EACH_START_METHOD();
  mp::Process process(wait_for_ever);
  CHECK_THROWS_AS(process.join(), cohort::AssertionError);
  CHECK_THROWS_AS(process.terminate(), cohort::AssertionError);
  CHECK_THROWS_AS(process.sentinel(), cohort::ValueError);
  process.daemon(true);
  process.start();
  CHECK_THROWS_WITH(process.start(), "cohort: cannot start a process twice");
  CHECK_THROWS_WITH(process.daemon(false), "cohort: process has already started");
  CHECK_THROWS_AS(process.close(), cohort::ValueError);
  process.kill();
  process.join();
  process.close();
  process.close();
  CHECK_THROWS_WITH(process.join(), "cohort: process object is closed");
  CHECK_THROWS_AS(process.pid(), cohort::ValueError);
  CHECK_THROWS_AS(process.exitcode(), cohort::ValueError);
  CHECK(process.daemon());
  CHECK_THROWS_AS(mp::current_process().join(), cohort::AssertionError);
}

TEST_CASE("a daemonic process may not have children") {
  FOR_EACH_START_METHOD();
  auto [here, there] = mp::Pipe(false);
  mp::Process process(
      {.daemon = true},
      [](mp::Connection to) {
        mp::Process child(wait_for_ever);
        try {
          child.start();
        } catch (cohort::AssertionError const& error) {
          to.send(std::string(error.what()));
        }
      },
      there);
  process.start();
  CHECK(here.recv<std::string>() == "cohort: daemonic processes are not allowed to have children");
  process.join();
}

TEST_CASE("the sentinel becomes readable when the process ends, and active_children forgets it") {
  FOR_EACH_START_METHOD();
  mp::Process process(wait_for_ever);
  process.start();
  auto const names = [] {
    std::vector<std::string> result;
    for (auto const& child : mp::active_children()) result.push_back(child.name());
    return result;
  };
  CHECK(names() == std::vector{process.name()});
  CHECK(mp::connection::wait(std::vector{process.sentinel()}, 0s).empty());
  mp::active_children().front().terminate();
  CHECK(mp::connection::wait(std::vector{process.sentinel()}, 10s).size() == 1);
  CHECK(names().empty());
  CHECK(process.exitcode() == -SIGTERM);
}

TEST_CASE("what cannot travel is refused at start, except under fork") {
  FOR_EACH_START_METHOD();
  int local = 5;
  mp::Process pointer([](int* p) { std::exit(*p); }, &local);
  mp::Process captures([&local] { std::exit(local); });
  if (start_method == "fork") {
    for (auto* process : {&pointer, &captures}) {
      process->start();
      process->join();
      CHECK(process->exitcode() == 5);
    }
  } else {
    CHECK_THROWS_AS(pointer.start(), cohort::PicklingError);
    CHECK_THROWS_WITH(pointer.start(), Contains("argument 1, a int*,"));
    CHECK_THROWS_WITH(captures.start(), Contains("the callable") && Contains("cohort::partial"));
  }
  CHECK(mp::active_children().empty());
}

TEST_CASE("processes can be kept in a vector and started from many threads") {
  FOR_EACH_START_METHOD();
  if (start_method == "fork") return;  // the test's own threads hold malloc's locks
  std::vector<std::thread> threads;
  std::atomic<int> succeeded{0};
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      std::vector<mp::Process> processes;
      for (int i = 0; i < 5; ++i) processes.emplace_back(exit_with, i);
      for (auto& process : processes) process.start();
      for (int i = 0; i < 5; ++i) {
        processes[i].join();
        succeeded += processes[i].exitcode() == i;
      }
    });
  for (auto& thread : threads) thread.join();
  CHECK(succeeded == 20);
}
