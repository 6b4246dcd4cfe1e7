#include <unistd.h>
#include <cohort/multiprocessing.hpp>

#include <cstdio>

#include "basics.hpp"

/// `basics METHOD [delete | replace FILE | close]`: runs the basics, if told so after its own file was
/// deleted or replaced, or its standard streams were closed.
int main(int argc, char** argv) {
  cohort::multiprocessing::freeze_support();
  std::string const deed = argc > 2 ? argv[2] : "";
  if (deed == "delete" && ::unlink(argv[0]) != 0) return 2;
  if (deed == "replace" && std::rename(argv[3], argv[0]) != 0) return 2;
  if (deed == "close")
    for (int const stream : {0, 1, 2}) ::close(stream);
  return run_basics(argv[1]);
}
