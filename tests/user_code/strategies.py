"""What users write: schedulers and dispatchers for `use:`. They know events and answer with actions."""

import threading

from twin.core.records import Action


class Lifo:
    """The youngest job first, one a simulated second, so that it also needs to be woken."""

    def __init__(self, fleet, pause_us=1_000_000):
        self.pause_us, self.waiting, self.free, self.next_us, self.asked, self.turn = pause_us, [], {}, 0, 0, 0

    def handle(self, now_us, events):
        for event in events:
            if event.kind in ("job.arrived", "job.returned"):
                self.waiting.append(event.job)
            elif event.kind == "authority.offered":
                self.free[event.cell] = event.payload.pop("lease")  # what it does to an event is its own affair
            elif event.kind in ("authority.granted", "authority.withdrawn"):
                self.free.pop(event.cell, None)
        if now_us < self.next_us or not (self.waiting and self.free):
            return []
        self.next_us, self.asked = now_us + self.pause_us + self.turn % 997, self.asked + 1
        cell = min(self.free)
        return [Action("assign", f"ask{self.asked}", cell=cell, job=self.waiting.pop(), lease=self.free.pop(cell))]

    def wake_at(self):
        return self.next_us if self.waiting and self.free else None


class Keeper(Lifo):
    """Keeps what it knows, and takes it up again after it was killed."""

    KEPT = ("waiting", "free", "next_us", "asked", "turn")

    def saved(self):
        return {name: getattr(self, name) for name in self.KEPT}

    def restore(self, state):
        vars(self).update(state)


class Forgetful(Keeper):
    """Does not keep which jobs wait."""

    KEPT = ("free", "next_us", "asked", "turn")


class LockedLifo(Lifo):
    """Does not pickle: its mail is kept instead. Even how often it was asked when to wake shows in what it does."""

    def __init__(self, fleet, **more):
        super().__init__(fleet, **more)
        self.lock, self.looks = threading.Lock(), lambda: None

    def wake_at(self):
        self.turn += 1
        return super().wake_at()


class LockedKeeper(Keeper, LockedLifo):
    """Keeps what it knows, and does not pickle."""


class Unkept(Lifo):
    def saved(self):
        return threading.Lock()


class Patient:
    """A dispatcher that calls somebody only a while after the cry, with a deadline of its own."""

    def __init__(self, fleet, pool="ops", after_s=2, deadline_s=20):
        self.pool, self.after_us, self.deadline_s, self.due = pool, int(after_s * 1e6), deadline_s, {}

    def handle(self, now_us, events):
        for event in events:
            if event.kind in ("reset.stuck", "repair.start"):
                self.due[event.cell] = (now_us + self.after_us, event.payload["pool"] or self.pool, event.seq)
        ripe = [cell for cell, due in self.due.items() if due[0] <= now_us]
        calls = [(cell, *self.due.pop(cell)) for cell in ripe]
        return [Action("page", f"p{seq}", cell=cell, pool=pool, deadline_s=self.deadline_s) for cell, _, pool, seq in calls]

    def wake_at(self):
        return min((due[0] for due in self.due.values()), default=None)


class Holds:
    """Holds the first cell that is offered until a moment, and asks for nothing else."""

    def __init__(self, fleet, until_s):
        self.until_us, self.held, self.free = int(until_s * 1e6), None, False

    def handle(self, now_us, events):
        for event in events:
            if event.kind == "authority.offered" and self.held is None:
                self.held = event.cell
                return [Action("hold", "hold", cell=event.cell)]
        if self.held and now_us >= self.until_us and not self.free:
            self.free = True
            return [Action("release", "let go", cell=self.held)]
        return []

    def wake_at(self):
        return None if self.free else self.until_us


class Impatient:
    """A dispatcher that calls somebody, thinks better of it and lets the robot tidy up by itself."""

    def __init__(self, fleet):
        self.due, self.n = {}, 0

    def handle(self, now_us, events):
        calls = [Action("page", f"p{e.seq}", cell=e.cell, pool="ops") for e in events if e.kind == "reset.stuck"]
        self.due |= {call.cell: now_us + 3_000_000 for call in calls}
        ripe = [cell for cell, at in self.due.items() if at <= now_us]
        self.n += len(ripe)
        return calls + [Action("reset", f"r{self.n}{cell}", cell=cell) for cell in ripe if self.due.pop(cell)]

    def wake_at(self):
        return min(self.due.values(), default=None)


class LockedPatient(Patient):
    def __init__(self, fleet, **more):
        super().__init__(fleet, **more)
        self.lock = threading.Lock()


class Spy:
    """Does nothing but remember what it was told."""

    def __init__(self, fleet):
        self.told = []

    def handle(self, now_us, events):
        self.told += events
        return []

    def wake_at(self):
        return None


class Wrong:
    """Answers what it is given, once events come."""

    def __init__(self, fleet, answer=None, wake=None):
        self.answer, self.wake = answer, wake

    def handle(self, now_us, events):
        if isinstance(self.answer, list):
            return [Action(**a) if isinstance(a, dict) else a for a in self.answer]
        return {}["no such key"] if self.answer == "raise" else self.answer

    def wake_at(self):
        return self.wake


class Echo:
    """Never lets an event go by without another refused request."""

    def __init__(self, fleet):
        self.n = 0

    def handle(self, now_us, events):
        self.n += 1
        return [Action("assign", f"again{self.n}", cell="nowhere", job="nothing")]

    def wake_at(self):
        return None


class Hoarder:
    """Pickles at first, and not after its first mail."""

    def __init__(self, fleet):
        self.kept = None

    def handle(self, now_us, events):
        self.kept = threading.Lock()
        return []

    def wake_at(self):
        return None


class Relay:
    """First come, first served, but cell `then` gets its job only when an episode of cell `after` has ended."""

    def __init__(self, fleet, after="b", then="a"):
        self.after, self.then, self.go, self.jobs, self.free = after, then, False, [], {}

    def handle(self, now_us, events):
        for event in events:
            self.go |= event.kind == "episode.end" and event.cell == self.after
            if event.kind == "job.arrived":
                self.jobs.append((event.job, event.payload["on"]))
            elif event.kind == "authority.offered":
                self.free[event.cell] = event.payload["lease"]
        ripe = [(job, on) for job, on in self.jobs if on in self.free and (on != self.then or self.go)]
        self.jobs = [item for item in self.jobs if item not in ripe]
        return [Action("assign", job, cell=on, job=job, lease=self.free.pop(on)) for job, on in ripe]

    def wake_at(self):
        return None


class Stubborn:
    """Asks for a cell that is not there, again whenever it hears anything."""

    def __init__(self, fleet):
        self.n = 0

    def handle(self, now_us, events):
        self.n += 1
        return [Action("assign", f"ask{self.n}", cell="nowhere", job="none", lease=1)]

    def wake_at(self):
        return None
