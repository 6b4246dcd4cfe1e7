// A program of somebody else.
#include <cohort/errors.hpp>
#include <cohort/timeout.hpp>
#include <cstdio>

int main() {
  using namespace std::chrono_literals;
  try {
    throw cohort::TimeoutError("nothing came");
  } catch (cohort::TimeoutError const& error) {
    return std::puts(error.what()) < 0 || cohort::Timeout(2s).limit() != 2s;
  }
}
