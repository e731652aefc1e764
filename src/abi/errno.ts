// Linux error numbers. A system call that fails returns the negative number.

export enum Errno {
  EPERM = 1,
  ENOENT = 2,
  ESRCH = 3,
  EINTR = 4,
  ENXIO = 6,
  EBADF = 9,
  EAGAIN = 11,
  ENOMEM = 12,
  EFAULT = 14,
  EBUSY = 16,
  EEXIST = 17,
  EINVAL = 22,
  EMFILE = 24,
  EFBIG = 27,
  EROFS = 30,
  EDEADLK = 35,
  ENAMETOOLONG = 36,
  ENOSYS = 38,
  EOPNOTSUPP = 95,
  ETIMEDOUT = 110,
}
