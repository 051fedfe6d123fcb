"""All queues and what is kept of them. Every change goes through here, and is in the state before it counts."""

from __future__ import annotations

import logging
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from localcloud.clock import Clock
from localcloud.state import State
from localcloud.tasks import messages, names
from localcloud.tasks.errors import AlreadyExistsError, FailedPreconditionError, InvalidArgumentError, NotFoundError
from localcloud.tasks.queue import Outcome, Task, TaskQueue, Verdict

log = logging.getLogger(__name__)

NAME_TAKEN_SECONDS = 3600.0  # after a named task is gone; production: an hour, up to 24


@dataclass
class StoredQueue:
    name: str
    message: bytes  # the Queue with its settings, serialized
    paused: bool
    purged_at: float | None


@dataclass
class TakenName:
    """A name whose task is gone but which may not be used again yet."""

    name: str
    free_at: float


class Broker:
    """`on_change` is called whenever something may have become due."""

    def __init__(self, state: State, clock: Clock, on_change: Callable[[], None] = lambda: None) -> None:
        self._state = state
        self._clock = clock
        self.on_change = on_change
        self._stored_queues = state.table("tasks_queues", StoredQueue)
        self._stored_tasks = state.table("tasks_tasks", Task)
        self._stored_names = state.table("tasks_taken_names", TakenName)
        self._queues: dict[str, TaskQueue] = {}
        self._purged_at: dict[str, float | None] = {}
        self._taken: dict[str, float] = {}
        self._taken_order: deque[str] = deque()
        self._load()

    def _load(self) -> None:
        """Continue where the last process stopped. What it was dispatching is waiting again: nobody saw the answer."""
        for stored in self._stored_queues.all():
            queue = messages.read_queue(messages.QueueMessage.FromString(stored.message))
            queue.paused = bool(stored.paused)
            self._queues[queue.name] = queue
            self._purged_at[queue.name] = stored.purged_at
        for task in self._stored_tasks.all():
            self._queues[task.queue].add(task, messages.task_retry(task))
        for taken in sorted(self._stored_names.all(), key=lambda taken: taken.free_at):
            self._taken[taken.name] = taken.free_at
            self._taken_order.append(taken.name)

    # Queues

    def declare_queue(self, message: Any) -> None:
        """Create the queue, or give an existing one these settings; its tasks and its pause stay."""
        if message.name in self._queues:
            self.update_queue(message, paths=["rate_limits", "retry_config"])
        else:
            self.create_queue(names.location_of_queue(message.name), message)

    def create_queue(self, parent: str, message: Any) -> Any:
        names.check_location(parent)
        names.check_queue(message.name)
        if names.location_of_queue(message.name) != parent:
            raise InvalidArgumentError(f"The queue {message.name} is not in {parent}.")
        if message.name in self._queues:
            raise AlreadyExistsError(f"The queue {message.name} exists.")
        queue = messages.read_queue(message)
        self._queues[queue.name] = queue
        self._purged_at[queue.name] = None
        return self._keep_queue(queue)

    def update_queue(self, message: Any, paths: list[str]) -> Any:
        """Set the fields that `paths` name (none: all). A queue that is not there is created."""
        names.check_queue(message.name)
        if message.name not in self._queues:
            return self.create_queue(names.location_of_queue(message.name), message)
        queue = self._queues[message.name]
        merged = messages.render_queue(queue, None)
        for path in paths or ["rate_limits", "retry_config"]:
            _copy_field(message, merged, path)
        settings = messages.read_queue(merged)
        queue.configure(settings.limits, settings.retry)
        return self._keep_queue(queue)

    def get_queue(self, name: str) -> Any:
        queue = self._queue(name)
        return messages.render_queue(queue, self._purged_at[name])

    def list_queues(self, parent: str) -> list[Any]:
        prefix = names.check_location(parent) + "/queues/"
        return [self.get_queue(name) for name in sorted(self._queues) if name.startswith(prefix)]

    def delete_queue(self, name: str) -> None:
        """Its tasks go with it. Production keeps the queue's name taken for days; here it is free at once."""
        self._remove_tasks(self._queue(name))
        del self._queues[name], self._purged_at[name]
        self._stored_queues.remove(name)

    def purge_queue(self, name: str) -> Any:
        queue = self._queue(name)
        self._remove_tasks(queue)
        self._purged_at[name] = self._clock.now()
        return self._keep_queue(queue)

    def pause_queue(self, name: str, *, paused: bool) -> Any:
        queue = self._queue(name)
        queue.paused = paused
        return self._keep_queue(queue)

    # Tasks

    def create_task(self, parent: str, message: Any, *, lost: bool = False) -> Task:
        """A task that is kept, or an error. `lost`: the fault of accepting it and forgetting it."""
        names.check_queue(parent)
        name = message.name or f"{parent}/tasks/{uuid.uuid4().int >> 64}"
        if names.queue_of_task(name) != parent:
            raise InvalidArgumentError(f"The task {name} is not in the queue {parent}.")
        queue = self._queues.get(parent)
        if queue is None:  # production answers a missing queue so here, and NOT_FOUND everywhere else
            raise FailedPreconditionError(f"Queue does not exist: {parent}.")
        now = self._clock.now()
        task = messages.read_task(message, name=name, queue=parent, now=now)
        self._free_names(now)
        if name in queue.tasks or name in self._taken:
            raise AlreadyExistsError(f"The task {name} exists, or existed within the last hour.")
        if lost:
            with self._state.transaction():
                self._take_name(task)
            return task
        self._stored_tasks.put(task)
        queue.add(task, messages.task_retry(task))
        self.on_change()
        return task

    def get_task(self, name: str) -> Task:
        queue = self._queues.get(names.queue_of_task(name))
        if queue is None or name not in queue.tasks:
            raise NotFoundError(f"There is no task {name}.")
        return queue.tasks[name]

    def list_tasks(self, parent: str) -> list[Task]:
        tasks = self._queue(parent).tasks
        return [tasks[name] for name in sorted(tasks)]

    def delete_task(self, name: str) -> None:
        self._remove_task(self.get_task(name))
        self.on_change()

    def run_task(self, name: str) -> Task:
        task = self.get_task(name)
        self._queues[task.queue].force(name, self._clock.now())
        self._stored_tasks.put(task)
        self.on_change()
        return task

    # Dispatching

    def take(self) -> list[Task]:
        """What is to be dispatched now. The attempt is counted before it is made, so it counts over a crash as well."""
        now = self._clock.now()
        taken = [task for queue in self._queues.values() for task in queue.take(now)]
        if taken:
            with self._state.transaction():
                for task in taken:
                    self._stored_tasks.put(task)
        return taken

    def next_due(self) -> float | None:
        return min((due for queue in self._queues.values() if (due := queue.next_due()) is not None), default=None)

    def finish(self, task: Task, dispatched_at: float, outcome: Outcome) -> Verdict:
        queue = self._queues.get(task.queue)
        if queue is None:
            return Verdict.GONE
        verdict = queue.finish(task.name, dispatched_at, outcome, self._clock.now())
        if verdict is Verdict.RETRY:
            self._stored_tasks.put(task)
        elif verdict is not Verdict.GONE:
            self._remove_task(task)
        if verdict is Verdict.EXHAUSTED:
            log.warning("Task %s is deleted after %d attempts.", names.last_part(task.name), task.dispatch_count)
        self.on_change()
        return verdict

    def depth(self) -> int:
        """Tasks that are not finished, in all queues."""
        return sum(len(queue.tasks) for queue in self._queues.values())

    # Keeping

    def _queue(self, name: str) -> TaskQueue:
        if names.check_queue(name) not in self._queues:
            raise NotFoundError(f"There is no queue {name}.")
        return self._queues[name]

    def _keep_queue(self, queue: TaskQueue) -> Any:
        message = messages.render_queue(queue, self._purged_at[queue.name])
        self._stored_queues.put(
            StoredQueue(queue.name, message.SerializeToString(), queue.paused, self._purged_at[queue.name])
        )
        self.on_change()
        return message

    def _remove_task(self, task: Task) -> None:
        with self._state.transaction():
            self._forget(task)

    def _remove_tasks(self, queue: TaskQueue) -> None:
        with self._state.transaction():
            for task in list(queue.tasks.values()):
                self._forget(task)

    def _forget(self, task: Task) -> None:
        self._queues[task.queue].remove(task.name)
        self._stored_tasks.remove(task.name)
        self._take_name(task)

    def _take_name(self, task: Task) -> None:
        if not task.named:
            return
        free_at = self._clock.now() + NAME_TAKEN_SECONDS
        self._taken[task.name] = free_at
        self._taken_order.append(task.name)
        self._stored_names.put(TakenName(task.name, free_at))

    def _free_names(self, now: float) -> None:
        """Names become free in the order in which they were taken, since each is taken for the same time."""
        while self._taken_order and self._taken[self._taken_order[0]] <= now:
            name = self._taken_order.popleft()
            del self._taken[name]
            self._stored_names.remove(name)


def _copy_field(source: Any, target: Any, path: str) -> None:
    """One path of a field mask: rate_limits, retry_config, or a field of either."""
    outer, _, inner = path.partition(".")
    if outer not in {"rate_limits", "retry_config"}:
        raise InvalidArgumentError(f"{path!r} cannot be updated: only rate_limits, retry_config and their fields.")
    if not inner:
        getattr(target, outer).CopyFrom(getattr(source, outer))
        return
    source, target = getattr(source, outer), getattr(target, outer)
    field = source.DESCRIPTOR.fields_by_name.get(inner)
    if field is None:
        raise InvalidArgumentError(f"{path!r} names no field of a queue.")
    if field.message_type is None:
        setattr(target, inner, getattr(source, inner))
    elif source.HasField(inner):
        getattr(target, inner).CopyFrom(getattr(source, inner))
    else:
        target.ClearField(inner)
