// A function run in another process.
#include <cohort/multiprocessing.hpp>

#include <fmt/format.h>

namespace mp = cohort::multiprocessing;

void f(std::string const& name) { fmt::print("hello {}\n", name); }

int main() {
  mp::freeze_support();
  mp::Process p(f, "bob");
  p.start();
  p.join();
}
