// A pipe both ways: several values in one message, then questions and answers until None.
#include <cohort/multiprocessing.hpp>

#include <fmt/format.h>

#include <optional>
#include <tuple>

namespace mp = cohort::multiprocessing;

using Greeting = std::tuple<int, cohort::NoneType, std::string>;
using Question = std::optional<int>;

void f(mp::Connection const& conn) {
  conn.send(Greeting(42, cohort::None, "hello"));
  while (auto n = conn.recv<Question>()) conn.send(*n * *n);
  conn.close();
}

int main() {
  mp::freeze_support();
  auto [parent_conn, child_conn] = mp::Pipe();
  mp::Process p(f, child_conn);
  p.start();
  child_conn.close();
  auto const [number, none, text] = parent_conn.recv<Greeting>();
  fmt::print("{} {} {}\n", number, none, text);
  for (int n : {3, 4, 5}) {
    parent_conn.send(Question(n));
    fmt::print("{} squared is {}\n", n, parent_conn.recv<int>());
  }
  parent_conn.send(Question());
  try {
    parent_conn.recv<int>();
  } catch (cohort::EOFError const&) {
    fmt::print("the other end is closed\n");
  }
  p.join();
}
