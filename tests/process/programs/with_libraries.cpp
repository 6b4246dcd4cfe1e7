/// `with_libraries METHOD PLUGIN`: processes whose functions are in shared libraries.
#include <dlfcn.h>
#include <cohort/multiprocessing.hpp>

#include <memory>

namespace mp = cohort::multiprocessing;

void library_exit(int code);

namespace {
int exitcode_of(mp::Process process) {
  process.start();
  process.join();
  return *process.exitcode();
}
}  // namespace

int main(int, char** argv) {
  mp::freeze_support();
  mp::set_start_method(argv[1]);
  void* const plugin = ::dlopen(argv[2], RTLD_NOW);
  if (plugin == nullptr) {
    fmt::print("{}\n", ::dlerror());
    return 1;
  }
  auto* const plugin_exit = reinterpret_cast<void (*)(int)>(::dlsym(plugin, "plugin_exit"));
  auto* const make = reinterpret_cast<mp::Process* (*)()>(::dlsym(plugin, "make_plugin_process"));
  fmt::print("{} {} {}\n", exitcode_of(mp::Process(library_exit, 5)),
             exitcode_of(mp::Process(plugin_exit, 6)),
             exitcode_of(std::move(*std::unique_ptr<mp::Process>(make()))));
}
