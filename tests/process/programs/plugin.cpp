/// A shared library that a program loads when it runs. cohort is the program's.
#include <cohort/multiprocessing/process.hpp>

#include <cstdlib>

namespace mp = cohort::multiprocessing;

extern "C" void plugin_exit(int code) { std::exit(code); }

extern "C" mp::Process* make_plugin_process() {
  return new mp::Process([](std::string const& text) { std::exit(static_cast<int>(text.size())); }, "four");
}
