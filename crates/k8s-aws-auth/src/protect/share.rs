/// A number of places, and who may take how many of them.
///
/// Where there is a home host, all others together get at most half of the places and each of them at most a quarter: the home
/// host can always have half. Without one, each gets at most half.
#[derive(Clone, Debug)]
pub(super) struct Share {
    /// The most that may be taken at a time: altogether, by the hosts that are not home, by one of those.
    all_limit: usize,
    away_limit: usize,
    one_limit: usize,
    all: usize,
    away: usize,
}

impl Share {
    pub(super) fn new(places: usize, has_home: bool) -> Self {
        let away = if has_home { places / 2 } else { places };
        Self { all_limit: places, away_limit: away, one_limit: away.div_ceil(2), all: 0, away: 0 }
    }

    /// Whether there is a place for a host that has taken `taken`.
    pub(super) fn fits(&self, home: bool, taken: usize) -> bool {
        self.all < self.all_limit && (home || (self.away < self.away_limit && taken < self.one_limit))
    }

    pub(super) fn take(&mut self, home: bool) {
        self.all += 1;
        self.away += usize::from(!home);
    }

    pub(super) fn give_back(&mut self, home: bool) {
        self.all = self.all.saturating_sub(1);
        self.away = self.away.saturating_sub(usize::from(!home));
    }

    /// How many are taken.
    pub(super) fn taken(&self) -> usize {
        self.all
    }
}
