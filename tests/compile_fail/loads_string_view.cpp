// expect: cohort: a view cannot travel to another process; send an owning std::string or std::vector
#include <cohort/pickle.hpp>

int main() { return static_cast<int>(cohort::pickle::loads<std::string_view>({}).size()); }
