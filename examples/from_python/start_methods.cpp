// The three ways to start a process: one for the program, or a context for each.
#include <cohort/multiprocessing.hpp>

#include <fmt/format.h>

namespace mp = cohort::multiprocessing;

void foo(mp::Connection const& conn) { conn.send("hello"); }

int main() {
  mp::freeze_support();
  mp::set_start_method("spawn");
  auto [receiver, sender] = mp::Pipe(false);
  mp::Process p(foo, sender);
  p.start();
  fmt::print("{} by {}\n", receiver.recv<std::string>(), mp::get_start_method());
  p.join();

  for (char const* method : {"fork", "spawn", "forkserver"}) {
    mp::Context ctx = mp::get_context(method);
    auto [receiver, sender] = ctx.Pipe(false);
    mp::Process p = ctx.Process(foo, sender);
    p.start();
    fmt::print("{} by {}\n", receiver.recv<std::string>(), ctx.get_start_method());
    p.join();
  }
}
