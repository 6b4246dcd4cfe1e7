// expect: cohort: a view cannot travel to another process; send an owning std::string or std::vector
#include <cohort/callable.hpp>

int main() {
  cohort::detail::check_task<std::string_view (*)(), std::string_view>();
  return 0;
}
