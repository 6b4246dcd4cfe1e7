// Who runs what: the ids of a process and of its parent.
#include <cohort/multiprocessing.hpp>

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>

namespace mp = cohort::multiprocessing;

void info(std::string const& title) {
  fmt::print("{}\n", title);
  fmt::print("module name: {}\n", std::filesystem::path(__FILE__).stem().string());
  fmt::print("parent process: {}\n", getppid());
  fmt::print("process id: {}\n", getpid());
}

void f(std::string const& name) {
  info("function f");
  fmt::print("hello {}\n", name);
}

int main() {
  mp::freeze_support();
  info("main line");
  mp::Process p(f, "bob");
  p.start();
  p.join();
}
