// The life of a process that does not end by itself.
#include <cohort/multiprocessing.hpp>

#include <fmt/format.h>

#include <chrono>
#include <csignal>
#include <thread>

namespace mp = cohort::multiprocessing;

char const* repr(bool b) { return b ? "True" : "False"; }

int main() {
  mp::freeze_support();
  mp::Process p([](std::chrono::seconds s) { std::this_thread::sleep_for(s); }, std::chrono::seconds(1000));
  fmt::print("{} {}\n", p, repr(p.is_alive()));
  p.start();
  fmt::print("{} {}\n", p, repr(p.is_alive()));
  p.terminate();
  p.join();
  fmt::print("{} {}\n", p, repr(p.is_alive()));
  fmt::print("{}\n", repr(p.exitcode() == -SIGTERM));
}
