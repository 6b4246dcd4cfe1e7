#include <cohort/callable.hpp>

namespace cohort {

void Task::save(detail::Writer& writer) const {
  detail::Nested const level(writer);
  detail::save(writer, target_ != nullptr);
  if (!target_) return;
  detail::save_entry(writer, target_->loader());
  target_->save(writer);
}

Task Task::load(detail::Reader& reader) {
  detail::Nested const level(reader);
  if (!detail::load_bool(reader)) return {};
  return detail::load_entry<Loader>(reader).run(reader);
}

}  // namespace cohort
