#include <cohort/multiprocessing.hpp>

#include "basics.hpp"

/// main() without `freeze_support()`: alone it can only fork, with cohort::autoboot it can do all.
int main(int, char** argv) {
  std::string const method = argv[1];
  if (method == "default") {
    fmt::print("{}\n", cohort::multiprocessing::get_start_method());
    return 0;
  }
  try {
    return run_basics(method);
  } catch (cohort::RuntimeError const& error) {
    fmt::print("{}", error.what());
    return 3;
  }
}
