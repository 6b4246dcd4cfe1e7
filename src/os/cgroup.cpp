#include "os/cgroup.hpp"

#include <fstream>

namespace cohort::os {
namespace {

void read_upwards(std::string const& root, std::string path, char const* file,
                  std::vector<std::string>& values) {
  for (;;) {
    std::ifstream stream(root + path + "/" + file);
    if (std::string line; std::getline(stream, line)) values.push_back(line);
    auto const slash = path.rfind('/');
    if (slash == std::string::npos) return;
    path.resize(slash);
  }
}

}  // namespace

std::vector<std::string> control_group_values(std::string_view controller, char const* v2, char const* v1) {
  std::vector<std::string> values;
  std::ifstream groups("/proc/self/cgroup");
  // Lines "<id>:<controllers>:<path>"; the unified hierarchy has an empty list of controllers.
  for (std::string line; std::getline(groups, line);) {
    auto const first = line.find(':');
    auto const second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    auto const controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    auto const path = line.substr(second + 1);
    if (controllers == ",,") read_upwards("/sys/fs/cgroup", path, v2, values);
    if (controllers.find("," + std::string(controller) + ",") != std::string::npos)
      read_upwards("/sys/fs/cgroup/" + std::string(controller), path, v1, values);
  }
  return values;
}

}  // namespace cohort::os
