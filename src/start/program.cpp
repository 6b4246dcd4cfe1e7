#include "os/error.hpp"
#include "os/valgrind.hpp"
#include "start/start.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>

extern char** environ;

namespace cohort::start {
namespace {

constexpr std::string_view boot_variable = "COHORT_BOOT=";

/// The strings the kernel was given at exec. Unlike main's argv they have the loader where the program was
/// started as `ld.so program`.
std::vector<std::string> command_line() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::string const all((std::istreambuf_iterator<char>(file)), {});
  std::vector<std::string> result;
  for (std::size_t at = 0; at < all.size(); at += result.back().size() + 1)
    result.emplace_back(all.c_str() + at);
  if (result.empty())
    throw RuntimeError("cohort: spawn and forkserver need /proc/self/cmdline; is /proc mounted?");
  return result;
}

/// /proc/self/exe is the program's inode even after its file was deleted or replaced. Under valgrind it is
/// valgrind, but the link's text is the program.
std::string executable_path() {
  constexpr char const* self = "/proc/self/exe";
  if (!os::under_valgrind()) return self;
  char path[4096];
  auto const length = ::readlink(self, path, sizeof path);
  return length > 0 ? std::string(path, static_cast<std::size_t>(length)) : self;
}

}  // namespace

Executable this_program(os::Descriptor const& socket) {
  static auto const& arguments = *new auto(command_line());
  static auto const& path = *new auto(executable_path());
  Executable program{path, arguments, {}};
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable)
    if (!std::string_view(*variable).starts_with(boot_variable)) program.environment.emplace_back(*variable);
  struct stat status {};
  if (::fstat(socket.get(), &status) != 0) os::fail(errno, "cannot look at a socket");
  program.environment.push_back(fmt::format("{}{}", boot_variable, status.st_ino));
  return program;
}

}  // namespace cohort::start
