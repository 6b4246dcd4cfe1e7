// A subclass of Process: run() is what the child does, with the data it was given here.
#include <cohort/multiprocessing.hpp>

#include <fmt/format.h>

namespace mp = cohort::multiprocessing;

struct Countdown : mp::ProcessOf<Countdown> {
  explicit Countdown(int start_at = 0, std::string last_word = "")
      : start_at(start_at), last_word(std::move(last_word)) {}

  void run() override {
    for (int n = start_at; n > 0; --n) fmt::print("{}\n", n);
    fmt::print("{}\n", last_word);
  }

  // What travels to the child. (Python finds it out by itself.)
  template <class Archive> void serialize(Archive& archive) { archive(start_at, last_word); }

  int start_at;
  std::string last_word;
};

int main() {
  mp::freeze_support();
  Countdown p(3, "lift-off");
  p.start();
  p.join();
  fmt::print("exit code {}\n", p.exitcode().value());
}
