// expect: cohort: a raw pointer cannot travel to another process; send the value itself, a std::unique_ptr or
// a cohort handle
#include <cohort/pickle.hpp>

int main() { return *cohort::pickle::loads<int*>({}); }
