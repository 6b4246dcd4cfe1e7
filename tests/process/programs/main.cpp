#include <unistd.h>
#include <cohort/multiprocessing.hpp>

#include <cstdio>

#include "basics.hpp"

/// `basics METHOD [delete | replace FILE]`: runs the basics, if told so after its own file was deleted or
/// replaced.
int main(int argc, char** argv) {
  cohort::multiprocessing::freeze_support();
  std::string const deed = argc > 2 ? argv[2] : "";
  if (deed == "delete" && ::unlink(argv[0]) != 0) return 2;
  if (deed == "replace" && std::rename(argv[3], argv[0]) != 0) return 2;
  return run_basics(argv[1]);
}
