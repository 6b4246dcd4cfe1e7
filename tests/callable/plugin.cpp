#include <cohort/callable.hpp>

#include <unistd.h>

/// A library that only one of two processes has loaded.
extern "C" void make_plugin_task(cohort::Task& task) {
  task =
      cohort::partial([](std::string const& text) { (void)!::write(1, text.data(), text.size()); }, "plugin");
}
extern "C" void plugin_function() { (void)!::write(1, "function", 8); }
