//! Loss in bursts by the Gilbert-Elliott model: a path alternates between a good and a bad state with
//! different loss.

use crate::Random;

/// The parameters of the Gilbert-Elliott model; probabilities per datagram.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Bursts {
    /// Probability that the good state ends. A burst begins every 1 / `begin` datagrams on average.
    pub begin: f64,
    /// Probability that the bad state ends. A burst lasts 1 / `end` datagrams on average.
    pub end: f64,
    /// Loss in the bad state.
    pub loss: f64,
}

impl Bursts {
    /// Loss that depends on the fate of the datagram before: `loss` is lost on average, and whether one is
    /// lost correlates with whether the one before it was, by `correlation`. Both are in `0.0..1.0`; with a
    /// correlation of 0 each datagram stands alone.
    pub const fn correlated(loss: f64, correlation: f64) -> Self {
        let change = 1.0 - correlation;
        Self { begin: loss * change, end: (1.0 - loss) * change, loss: 1.0 }
    }

    /// Bursts in which everything is lost, of `length` datagrams on average, `1.0..`; `loss` is lost on
    /// average, `0.0..=1.0`. Where so much is lost that shorter pauses than one datagram would be needed,
    /// bursts become longer.
    pub fn of_length(loss: f64, length: f64) -> Self {
        if loss >= 1.0 {
            return Self { begin: 1.0, end: 0.0, loss: 1.0 };
        }
        let end = (1.0 / length.max(1.0)).min((1.0 - loss) / loss.max(f64::MIN_POSITIVE));
        Self { begin: end * loss / (1.0 - loss), end, loss: 1.0 }
    }
}

/// The state of a path.
#[derive(Clone, Debug, Default)]
pub(crate) struct BurstState {
    bad: bool,
}

impl BurstState {
    /// Whether the next datagram is lost.
    pub(crate) fn loses(&mut self, bursts: &Bursts, random: &mut Random) -> bool {
        let change = if self.bad { bursts.end } else { bursts.begin };
        self.bad ^= random.chance(change);
        self.bad && random.chance(bursts.loss)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_come_in_bursts_of_the_length_asked_for() {
        let bursts = Bursts { begin: 0.01, end: 0.1, loss: 1.0 };
        let (mut state, mut random) = (BurstState::default(), Random::new(5));
        let lost: Vec<bool> = (0..100_000).map(|_| state.loses(&bursts, &mut random)).collect();
        let losses = lost.iter().filter(|lost| **lost).count();
        let runs = lost.windows(2).filter(|pair| !pair[0] && pair[1]).count();
        assert!((8_000..10_200).contains(&losses), "{losses}");
        assert!((8..13).contains(&(losses / runs)), "{losses} in {runs} bursts");
    }

    #[test]
    fn bursts_of_a_length_lose_as_much_as_asked_for() {
        for (loss, length, lengths) in
            [(0.05, 4.0, 3.8..4.2), (0.3, 1.0, 0.99..1.01), (0.9, 2.0, 8.0..10.0), (0.9, 20.0, 18.0..22.0)]
        {
            let (bursts, count) = (Bursts::of_length(loss, length), 400_000);
            let (mut state, mut random) = (BurstState::default(), Random::new(7));
            let lost: Vec<bool> = (0..count).map(|_| state.loses(&bursts, &mut random)).collect();
            let losses = lost.iter().filter(|lost| **lost).count() as f64;
            let runs = lost.windows(2).filter(|pair| !pair[0] && pair[1]).count() as f64;
            let mean = losses / f64::from(count);
            assert!((loss * 0.96..loss * 1.04).contains(&mean), "{mean} of {loss}");
            assert!(lengths.contains(&(losses / runs)), "{} in place of {length}", losses / runs);
        }
        let everything = Bursts::of_length(1.0, 3.0);
        let (mut state, mut random) = (BurstState::default(), Random::new(8));
        assert!((0..1_000).all(|_| state.loses(&everything, &mut random)));
        let nothing = Bursts::of_length(0.0, 3.0);
        assert!((0..1_000).all(|_| !BurstState::default().loses(&nothing, &mut random)));
    }

    #[test]
    fn correlated_loss_has_the_mean_and_the_correlation_asked_for() {
        let (bursts, count) = (Bursts::correlated(0.1, 0.25), 200_000);
        let (mut state, mut random) = (BurstState::default(), Random::new(6));
        let lost: Vec<bool> = (0..count).map(|_| state.loses(&bursts, &mut random)).collect();
        let losses = lost.iter().filter(|lost| **lost).count() as f64;
        let behind_a_loss = lost.windows(2).filter(|pair| pair[0] && pair[1]).count() as f64 / losses;
        let mean = losses / f64::from(count);
        assert!((0.097..0.103).contains(&mean), "{mean}");
        let correlation = (behind_a_loss - mean) / (1.0 - mean);
        assert!((0.23..0.27).contains(&correlation), "{correlation}");
    }
}
