//! Your own model over two graphs and your own loss, trained, compared, saved and used like those
//! of the library: `cargo run --release --example own_model`.
#![expect(clippy::print_stdout, reason = "an example talks to a person")]

use burn::module::{Module, Param};
use burn::tensor::{Tensor, backend::Backend};
use lightgcn::data::synthetic::{ShopConfig, generate_to_path};
use lightgcn::{graph::*, kernels::*, loss::*, nn::*, prelude::*, train::EndReason};
use serde::{Deserialize, Serialize};

/// Each node is itself, plus its neighbors by purchases, plus those by anything.
#[derive(Module, Debug)]
struct TwoViews<B: Backend> {
    embedding: Param<Tensor<B, 2>>,
    #[module(skip)]
    nodes: NodeCounts,
}

impl<B: SparseBackend> EmbeddingModel<B> for TwoViews<B> {
    fn nodes(&self) -> &NodeCounts {
        &self.nodes
    }

    fn table(&self) -> &Param<Tensor<B, 2>> {
        &self.embedding
    }

    fn table_mut(&mut self) -> &mut Param<Tensor<B, 2>> {
        &mut self.embedding
    }

    fn embeddings(&self, graphs: &Graphs<B>, _: ForwardMode) -> Tensor<B, 2> {
        let views = graphs.all().iter().map(|g| sparse_dense(g, self.layer0()));
        views.fold(self.layer0(), |sum, view| sum + view)
    }
}

/// What the model needs from the data, and how it is built.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct TwoViewsConfig {}

impl ModelConfig for TwoViewsConfig {
    const NAME: &'static str = "two-views";
    type Module<B: GradientBackend> = TwoViews<B>;

    fn graphs(&self) -> Vec<AdjacencyRequest> {
        let edges = vec![EdgeType::Behavior("purchase".to_owned())];
        let all = AdjacencyRequest::default();
        vec![all.clone(), AdjacencyRequest { edges, ..all }]
    }

    fn footprint(&self) -> Footprint {
        Footprint::autodiff(32, 1)
    }

    fn init<B: GradientBackend>(
        &self,
        nodes: &NodeCounts,
        seed: u64,
        device: &B::Device,
    ) -> Result<TwoViews<B>, NnError> {
        let embedding = EmbeddingInitializer::XavierUniform.table(nodes, 32, seed, device)?;
        let nodes = nodes.clone();
        Ok(TwoViews { embedding, nodes })
    }
}

/// What was bought scores at least 1 more than what was not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Hinge {}

impl Loss for Hinge {
    fn needs(&self) -> LossNeeds {
        let none = LossNeeds::default();
        let negatives = true;
        LossNeeds { negatives, ..none }
    }

    fn forward<B: SparseBackend>(&self, tables: Tables<B>, batch: &Batch<B>) -> Tensor<B, 1> {
        let (bought, others) = batch.scores(tables.embeddings);
        let margins = others - bought.unsqueeze_dim(1);
        margins.add_scalar(1.0).clamp_min(0.0).mean()
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let (log, run) = (folder.path().join("shop.csv"), folder.path().join("run"));
    generate_to_path(&ShopConfig::default().check()?, &log, |_| {})?;
    let dataset = prepare(&[&log], &PrepareConfig::default())?;
    // Validates every epoch, resumes from the checkpoint, and stops after two without improvement.
    let mut config = TrainConfig::default();
    (config.validate_every, config.patience) = (Some(1), Some(2));
    let trainer = |epochs| {
        let trainer = Trainer::new(&dataset).model(TwoViewsConfig {});
        let trainer = trainer.loss(Hinge {}).config(config.clone());
        trainer.folder(&run).epochs(epochs)
    };
    trainer(2).run()?;
    let trained = trainer(200).resume(true).run()?;
    assert_eq!(trained.reason, EndReason::EarlyStopping);
    let (split, options) = (&dataset.split, EvaluationOptions::default());
    let measure = |r: &dyn Ranker| evaluate_test(r, &split.train, &split.test, &options);
    let popular = PopularityRanker::from_interactions(split.train.interactions());
    let figures = [measure(&trained.ranker()?)?, measure(&popular)?];
    println!("{}", Comparison::new(&figures, Metric::Recall, 20, 42)?);
    let model = folder.path().join("model");
    trained.artifact.save(&model)?;
    let recommender = Recommender::open(&model)?;
    let user = dataset.users.iter().next().ok_or("no user")?;
    let answer = recommender.recommend(user, &RecommendOptions::default())?;
    assert!(answer.known && !answer.items.is_empty());
    println!("{answer:?}");
    Ok(())
}

#[test]
fn trains_and_answers() {
    main().unwrap_or_else(|error| panic!("{error}"));
}
