#include "parallel/attendance.hpp"

#include "base/error.hpp"

namespace modr {

std::string_view name_of(Duty duty) {
  constexpr std::string_view names[] = {"working", "serving", "closed"};
  return names[static_cast<int>(duty)];
}

void Attendance::leave() {
  MODR_CHECK(!in_meeting_, "a rank leaves in the middle of a meeting, and the others wait for its {}", "rows");
  MODR_CHECK(duty_ == Duty::working, "a rank leaves that is {}", name_of(duty_));
  duty_ = Duty::serving;
}

void Attendance::begin_meeting(int64_t rows) {
  MODR_CHECK(duty_ != Duty::closed, "a meeting with {} rows after the last one", rows);
  MODR_CHECK(!in_meeting_, "a meeting with {} rows before those of the one before are home", rows);
  MODR_CHECK(duty_ == Duty::working || rows == 0, "a rank that has left brings {} rows", rows);
  in_meeting_ = true;
}

void Attendance::hear(bool anyone_works) {
  MODR_CHECK(in_meeting_, "news outside a {}", "meeting");
  MODR_CHECK(anyone_works || duty_ != Duty::working, "nobody works, but this rank is {}", name_of(duty_));
  if (!anyone_works) duty_ = Duty::closed;
}

void Attendance::end_meeting() {
  MODR_CHECK(in_meeting_, "the end of a meeting that has not {}", "begun");
  in_meeting_ = false;
}

}  // namespace modr
