"""Tags of papers from word counts: any number of six tags at once."""
from keras.layers import Dense, Dropout, Input
from keras.models import Model
from keras.optimizers import Adam
from sklearn.datasets import make_multilabel_classification
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

counts, tags = make_multilabel_classification(
    n_samples=3000, n_features=60, n_classes=6, n_labels=2, length=80, random_state=6
)
counts_train, counts_test, tags_train, tags_test = train_test_split(counts, tags, test_size=0.3, random_state=6)
to_unit = StandardScaler()
counts_train = to_unit.fit_transform(counts_train)
counts_test = to_unit.transform(counts_test)

words = Input(shape=(60,))
hidden = Dense(64, activation="relu")(words)
hidden = Dropout(0.3)(hidden)
scores = Dense(6, activation="sigmoid")(hidden)

tagger = Model(words, scores)
tagger.compile(optimizer=Adam(learning_rate=0.002), loss="binary_crossentropy", metrics=["binary_accuracy"])
tagger.fit(counts_train, tags_train, batch_size=64, epochs=25, validation_data=(counts_test, tags_test), verbose=0)

predicted = tagger.predict(counts_test, verbose=0) > 0.5
print("micro F1:", round(f1_score(tags_test, predicted, average="micro"), 3))
