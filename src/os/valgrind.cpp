#include "os/valgrind.hpp"

#include <cstdlib>
#include <cstring>

namespace cohort::os {

bool under_valgrind() {
  // valgrind puts its replacement of malloc there, for static programs too.
  static bool const under = [] {
    char const* const preload = std::getenv("LD_PRELOAD");
    return preload != nullptr && std::strstr(preload, "vgpreload") != nullptr;
  }();
  return under;
}

}  // namespace cohort::os
