#include "parallel/attendance.hpp"

#include <gtest/gtest.h>

#include "support/expect_error.hpp"

namespace modr {
namespace {

void meet(Attendance& rank, int64_t rows, bool anyone_works) {
  rank.begin_meeting(rows);
  rank.hear(anyone_works);
  rank.end_meeting();
}

Attendance serving() {
  Attendance rank;
  rank.leave();
  return rank;
}

Attendance closed() {
  Attendance rank = serving();
  meet(rank, 0, false);
  return rank;
}

Attendance in_meeting() {
  Attendance rank;
  rank.begin_meeting(3);
  return rank;
}

TEST(Attendance, GoesFromWorkToServiceToTheEnd) {
  Attendance rank;
  EXPECT_TRUE(rank.can_leave());
  meet(rank, 5, true);
  meet(rank, 0, true);  // work without rows, as a batch of nothing
  EXPECT_EQ(rank.duty(), Duty::working);
  rank.leave();
  EXPECT_EQ(rank.duty(), Duty::serving);
  EXPECT_FALSE(rank.can_leave());
  meet(rank, 0, true);
  EXPECT_EQ(rank.duty(), Duty::serving);
  rank.begin_meeting(0);
  rank.hear(false);
  EXPECT_EQ(rank.duty(), Duty::closed);
  EXPECT_TRUE(rank.in_meeting());  // the last one ends like the others
  rank.end_meeting();
  EXPECT_FALSE(rank.in_meeting());
}

TEST(Attendance, ARankInAMeetingCannotServe) {
  Attendance rank = in_meeting();
  EXPECT_FALSE(rank.can_leave());
  rank.hear(true);
  EXPECT_FALSE(rank.can_leave());
  rank.end_meeting();
  EXPECT_TRUE(rank.can_leave());
}

TEST(Attendance, EveryWrongOrderIsAnError) {
  const auto wrong = [](Attendance rank, auto&& act, const char* says) { expect_error([&] { act(rank); }, {says}); };
  const auto leave = [](Attendance& rank) { rank.leave(); };
  const auto bring = [](int64_t rows) { return [rows](Attendance& rank) { rank.begin_meeting(rows); }; };
  const auto hear = [](bool works) { return [works](Attendance& rank) { rank.hear(works); }; };
  const auto end = [](Attendance& rank) { rank.end_meeting(); };
  wrong(serving(), leave, "a rank leaves that is serving");
  wrong(closed(), leave, "a rank leaves that is closed");
  wrong(in_meeting(), leave, "a rank leaves in the middle of a meeting");
  wrong(serving(), bring(2), "a rank that has left brings 2 rows");
  wrong(closed(), bring(0), "a meeting with 0 rows after the last one");
  wrong(in_meeting(), bring(1), "before those of the one before are home");
  wrong(Attendance(), hear(true), "news outside a meeting");
  wrong(in_meeting(), hear(false), "nobody works, but this rank is working");
  wrong(Attendance(), end, "the end of a meeting that has not begun");
}

}  // namespace
}  // namespace modr
