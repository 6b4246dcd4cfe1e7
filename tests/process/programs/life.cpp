/// A program with children, for test_life: `life METHOD DEED`. It prints "<name> <pid>" for each child when
/// that runs.
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <cohort/multiprocessing.hpp>

#include <cstdio>
#include <cstdlib>
#include <thread>

namespace mp = cohort::multiprocessing;
using namespace std::chrono_literals;

namespace {

void say(std::string_view what) {
  auto const line = fmt::format("{} {}\n", what, ::getpid());
  static_cast<void>(::write(STDOUT_FILENO, line.data(), line.size()));
}

void compute() {
  say("compute");
  for (volatile unsigned i = 0;;) i = i + 1;
}
void wait_for_ever() {
  for (;;) ::pause();
}
void block() {
  say("block");
  wait_for_ever();
}
void ignore_signals() {
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
  say("ignore_signals");
  wait_for_ever();
}
void stop() {
  say("stop");
  ::raise(SIGSTOP);
  wait_for_ever();
}
void finish_soon() {
  std::this_thread::sleep_for(300ms);
  say("finished");
}
/// Goes on when its parent is gone, and ends by itself.
void outlive() {
  say("outlive");
  auto const parent = mp::parent_process();
  parent->join();
  say(parent->is_alive() ? "parent lives" : "parent gone");
}

void start(bool daemon, void (*body)()) {
  mp::Process process({.daemon = daemon}, body);
  process.start();
}

void start_daemons() {
  for (auto* body : {compute, block, ignore_signals, stop}) start(true, body);
}

int busy(int n) {
  say("busy");
  wait_for_ever();
  return n;
}

}  // namespace

int main(int, char** argv) {
  mp::freeze_support();
  mp::set_start_method(argv[1]);
  std::string const deed = argv[2];
  if (deed == "return") {  // daemons are terminated, others joined
    start_daemons();
    start(false, finish_soon);
    std::this_thread::sleep_for(200ms);
  } else if (deed == "exit") {
    start_daemons();
    start(false, finish_soon);
    std::this_thread::sleep_for(200ms);
    std::exit(3);
  } else if (deed == "throw") {
    start_daemons();
    start(false, outlive);
    std::this_thread::sleep_for(200ms);
    throw std::runtime_error("out of main");
  } else if (deed == "wait") {  // to be killed
    start_daemons();
    start(false, outlive);
    wait_for_ever();
  } else if (deed == "pool") {
    mp::Pool pool(3);
    for (int i = 0; i < 3; ++i) pool.apply_async(busy, i);
    wait_for_ever();
  } else if (deed == "pool-exit") {
    static mp::Pool pool(2);
    for (int i = 0; i < 2; ++i) pool.apply_async(busy, i);
    std::this_thread::sleep_for(200ms);
    std::exit(0);
  } else if (deed == "nested") {  // a child with daemons of its own is killed
    mp::Process middle([] {
      start_daemons();
      wait_for_ever();
    });
    middle.start();
    std::this_thread::sleep_for(300ms);
    middle.kill();
    middle.join();
    say("killed the middle");
    std::this_thread::sleep_for(700ms);
  }
}
